//! Options, as the agents read them.

use std::slice::Iter;

/// The options that an agent knows. Short names stand before long ones, joined by `|`;
/// the last name is how the option is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Grammar {
    /// Options without a value.
    pub flags: &'static [&'static str],
    /// Options with one value.
    pub values: &'static [&'static str],
    /// Options that take every argument up to the next option.
    pub lists: &'static [&'static str],
    /// Whether a value may begin with a dash.
    pub dashed_values: bool,
}

/// What is wrong with a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bad {
    /// The agent has no such option.
    Unknown(String),
    /// The option lacks its value.
    NoValue(String),
}

/// A command line, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    given: Vec<(String, Vec<String>)>,
    /// The arguments that are no options.
    pub positionals: Vec<String>,
}

impl Options {
    /// Tells whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| given == name)
    }

    /// Returns the last value of an option.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.all(name).last().copied()
    }

    /// Returns all values of an option.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let given = self.given.iter().filter(|(given, _)| given == name);
        given
            .flat_map(|(_, values)| values)
            .map(String::as_str)
            .collect()
    }

    /// Returns all values of an option, split at commas outside of parentheses too.
    pub fn items(&self, name: &str) -> Vec<&str> {
        let all = self.all(name).into_iter();
        all.flat_map(|value| {
            let mut depth = 0_i32;
            value.split(move |letter| {
                depth += i32::from(letter == '(') - i32::from(letter == ')');
                letter == ',' && depth <= 0
            })
        })
        .map(str::trim)
        .collect()
    }

    /// Returns the names of the options that were given.
    pub fn names(&self) -> Vec<String> {
        self.given.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// The place of an option in a grammar.
fn canonical(names: &'static [&'static str], given: &str) -> Option<&'static str> {
    let found = names
        .iter()
        .find(|name| name.split('|').any(|name| name == given))?;
    found.rsplit('|').next()
}

impl Grammar {
    /// Reads a command line.
    ///
    /// # Errors
    /// The first argument that the agent would refuse.
    pub fn read(&self, args: &[String]) -> Result<Options, Bad> {
        let mut options = Options::default();
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            if arg == "--" {
                options.positionals.extend(rest.by_ref().cloned());
            } else if arg.len() > 1 && arg.starts_with('-') {
                let given = self.option(arg, &mut rest)?;
                options.given.push(given);
            } else {
                options.positionals.push(arg.clone());
            }
        }
        Ok(options)
    }

    /// Takes the next argument as a value.
    fn next(&self, rest: &mut Iter<'_, String>) -> Result<Option<String>, Bad> {
        let value = rest.next().cloned();
        match value {
            Some(value) if !self.dashed_values && value.len() > 1 && value.starts_with('-') => {
                Err(Bad::Unknown(value))
            }
            value => Ok(value),
        }
    }

    fn option(&self, arg: &str, rest: &mut Iter<'_, String>) -> Result<(String, Vec<String>), Bad> {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (arg, None),
        };
        let unknown = || Bad::Unknown(arg.to_owned());
        let missing = || Bad::NoValue(name.to_owned());
        if let Some(flag) = canonical(self.flags, name) {
            let plain = inline.is_none();
            return plain
                .then(|| (flag.to_owned(), Vec::new()))
                .ok_or_else(unknown);
        }
        if let Some(option) = canonical(self.values, name) {
            let value = match inline {
                Some(value) => value,
                None => self.next(rest)?.ok_or_else(missing)?,
            };
            return Ok((option.to_owned(), vec![value]));
        }
        let list = canonical(self.lists, name).ok_or_else(unknown)?;
        let mut values: Vec<String> = inline.into_iter().collect();
        while values.is_empty()
            || rest
                .as_slice()
                .first()
                .is_some_and(|next| !next.starts_with('-'))
        {
            match rest.next() {
                Some(value) => values.push(value.clone()),
                None => return Err(missing()),
            }
        }
        Ok((list.to_owned(), values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRAMMAR: Grammar = Grammar {
        flags: &["-p|--print"],
        values: &["-m|--model"],
        lists: &["--allowedTools"],
        dashed_values: false,
    };

    fn read(line: &str) -> Result<Options, Bad> {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        GRAMMAR.read(&args)
    }

    #[test]
    fn lists_take_everything_up_to_the_next_option() {
        let options = read("-p --allowedTools a b -m x -- --y z").unwrap();
        assert_eq!(options.all("--allowedTools"), ["a", "b"]);
        assert_eq!(options.value("--model"), Some("x"));
        assert_eq!(options.positionals, ["--y", "z"]);
        assert_eq!(
            read("--allowedTools=a(x,y),b c")
                .unwrap()
                .items("--allowedTools"),
            ["a(x,y)", "b", "c"]
        );
    }

    #[test]
    fn what_the_agent_would_refuse_is_refused() {
        assert_eq!(read("--nope"), Err(Bad::Unknown("--nope".to_owned())));
        assert_eq!(read("--print=1"), Err(Bad::Unknown("--print=1".to_owned())));
        assert_eq!(read("-m"), Err(Bad::NoValue("-m".to_owned())));
        assert_eq!(read("-m -x"), Err(Bad::Unknown("-x".to_owned())));
        assert_eq!(read("-m -").unwrap().value("--model"), Some("-"));
    }
}
