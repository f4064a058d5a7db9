//! Detection of installed harnesses: host facts in, one record a harness out.

use alloc::borrow::Cow;
use alloc::format;

use crate::base::json::Text;
use crate::base::record::record;
use crate::base::text::js_trim;

record! {
    /// Whether a harness can be started on this host.
    pub struct HarnessRecord<'a> {
        /// The harness.
        pub harness: Text<'a> => "harness",
        /// Whether it answered.
        pub available: bool => "available",
        /// Where its program is.
        pub path: Option<Text<'a>> => "path",
        /// What it says its version is.
        pub version: Option<Text<'a>> => "version",
        /// Why it is not available.
        pub error: Option<Text<'a>> => "error",
    }
}

/// What happened when the host ran `<program> --version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionProbe<'a> {
    /// The program could not be run to its end.
    Failed {
        /// The host's words.
        error: &'a str,
    },
    /// The program ended.
    Exited {
        /// Its exit status; nothing when a signal ended it.
        status: Option<i32>,
        /// What it printed.
        stdout: &'a str,
        /// What it complained.
        stderr: &'a str,
    },
}

/// Builds the record of a harness; `found` is its program and what that answered.
pub fn detection_record<'a>(
    harness: &'a str,
    found: Option<(&'a str, VersionProbe<'a>)>,
) -> HarnessRecord<'a> {
    let mut record = HarnessRecord {
        harness: Cow::Borrowed(harness),
        available: false,
        path: found.map(|(path, _)| Cow::Borrowed(path)),
        version: None,
        error: None,
    };
    match found.map(|(_, probe)| probe) {
        None => record.error = Some(Cow::Borrowed("not found on PATH")),
        Some(VersionProbe::Failed { error }) => record.error = Some(Cow::Borrowed(error)),
        Some(VersionProbe::Exited {
            status,
            stdout,
            stderr,
        }) => {
            let line = first_line(stdout).or_else(|| first_line(stderr));
            if status == Some(0) {
                record.available = true;
                record.version = line.map(Cow::Borrowed);
            } else {
                record.error = Some(Cow::Owned(exit_error(status, line)));
            }
        }
    }
    record
}

fn first_line(output: &str) -> Option<&str> {
    let line = js_trim(output).split('\n').next()?;
    Some(line.strip_suffix('\r').unwrap_or(line)).filter(|line| !line.is_empty())
}

fn exit_error(status: Option<i32>, line: Option<&str>) -> alloc::string::String {
    // A program that a signal ends has the status `null` in Node.
    let status = status.map_or(Cow::Borrowed("null"), |status| {
        Cow::Owned(format!("{status}"))
    });
    match line {
        Some(line) => format!("--version exited {status}: {line}"),
        None => format!("--version exited {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::json::print;

    #[test]
    fn words_what_the_host_saw() {
        let exited = |status, stdout, stderr| VersionProbe::Exited {
            status,
            stdout,
            stderr,
        };
        for (found, text) in [
            (
                None,
                r#"{"harness":"h","available":false,"error":"not found on PATH"}"#,
            ),
            (
                Some(("/b/h", exited(Some(0), "  v 1.2 \ntwo\n", ""))),
                r#"{"harness":"h","available":true,"path":"/b/h","version":"v 1.2 "}"#,
            ),
            (
                Some(("/b/h", exited(Some(3), "", "err\n"))),
                r#"{"harness":"h","available":false,"path":"/b/h","error":"--version exited 3: err"}"#,
            ),
            (
                Some(("/b/h", exited(None, "", ""))),
                r#"{"harness":"h","available":false,"path":"/b/h","error":"--version exited null"}"#,
            ),
        ] {
            assert_eq!(print(&detection_record("h", found)), text);
        }
    }
}
