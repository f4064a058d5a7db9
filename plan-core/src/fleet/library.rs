//! The library of personas: classes by three signals, in a baseline and an override layer.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::base::code::Code;
use crate::base::diag::{Diagnostic, Place};
use crate::base::digest::of_bytes;
use crate::base::map::{Map, Set};
use crate::base::record::{record, words};
use crate::base::sort::sort_by;

/// The index of a layer, which is no persona itself.
pub const INDEX: &str = "LIBRARY.md";

/// The domain of a persona that names none.
pub const DEFAULT_DOMAIN: &str = "engineering";

words! {
    /// Where a persona comes from.
    pub enum PersonaLayer {
        /// The library that comes with the product.
        Baseline = "baseline",
        /// What the operator put over it.
        Override = "override",
    }
}

words! {
    /// How a class stands in the two layers.
    pub enum PersonaStatus {
        /// Only the baseline has it.
        Baseline = "baseline",
        /// The operator's replaces the baseline's.
        Overridden = "overridden",
        /// Only the operator has it.
        Custom = "custom",
    }
}

record! {
    /// A file of the fleet's home by its name alone, such as `code.md`.
    pub struct RoleFile {
        /// Its name.
        pub name: String => "name",
        /// Its text.
        pub text: String => "text",
    }
}

/// A class of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Known {
    /// The file that defines it; a row of the index alone has none.
    file: Option<String>,
    /// Whether the file says so itself, by a marker.
    marked: bool,
    domain: Option<String>,
    runtime: Option<String>,
    model: Option<String>,
    /// The digest of the file's text.
    digest: String,
}

/// The classes of one layer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerIndex {
    classes: Map<String, Known>,
    /// What looks like a mistake.
    pub warnings: Vec<Diagnostic>,
}

/// A persona that a class resolves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persona {
    /// The class.
    pub class: String,
    /// The layer that won.
    pub layer: PersonaLayer,
    /// The file name in that layer.
    pub file: String,
    /// The digest of its text.
    pub digest: String,
    /// The harness that its text asks for, by a marker.
    pub runtime: Option<String>,
    /// The model that its text asks for, by a marker.
    pub model: Option<String>,
}

/// One class of the library as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The class.
    pub class: String,
    /// How it stands in the two layers.
    pub status: PersonaStatus,
    /// What the class is about.
    pub domain: String,
    /// Whether there is a file to read.
    pub readable: bool,
}

/// Tells whether a word can be a class.
pub fn is_class(word: &str) -> bool {
    let mut letters = word.bytes();
    let starts = letters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit());
    starts && letters.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Finds the value of the first marker `` `<key>: NAME` ``; blanks and line breaks may stand
/// behind the colon.
pub fn marker<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    marker_at(text, key, is_class).map(|(_, name)| name)
}

/// As [`marker`], with the byte that the name begins at.
fn marker_at<'t>(text: &'t str, key: &str, good: fn(&str) -> bool) -> Option<(usize, &'t str)> {
    let mut at = 0;
    let parts = text.split('`').map(|part| {
        let start = at;
        at += part.len() + 1;
        (start, part)
    });
    // What stands between two back quotes is every part behind the first.
    parts.skip(1).find_map(|(start, part)| {
        let rest = part.strip_prefix(key)?.strip_prefix(':')?;
        let name = rest.trim();
        let blanks = rest.len() - rest.trim_start().len();
        good(name).then_some((start + part.len() - rest.len() + blanks, name))
    })
}

/// The place of a marker's name, for diagnostics.
fn marker_place(text: &str, key: &str) -> Option<Place> {
    let (at, name) = marker_at(text, key, is_class)?;
    let before = text.get(..at)?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    Some(Place {
        file: None,
        line: 1 + before.matches('\n').count() as u64,
        column: 1 + line.chars().count() as u64,
        length: name.len() as u64,
    })
}

/// The part of a seat's instructions that its persona is: empty when there is none, so
/// that an agent starts all the same. `read` returns the text of a persona's file.
pub fn contract<T: AsRef<str>>(
    library: &Library,
    class: &str,
    read: impl FnOnce(&Persona) -> Option<T>,
) -> String {
    let class = class.trim();
    let text = library.resolve(class).and_then(|persona| read(&persona));
    let text = text.as_ref().map_or("", |text| text.as_ref().trim());
    if text.is_empty() {
        return String::new();
    }
    format!("# Persona Contract ({class})\n\n{text}\n")
}

/// Tells whether a word can be the name of a model.
fn is_model(word: &str) -> bool {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@[]".contains(letter);
    !word.is_empty() && !word.starts_with('-') && word.chars().all(good)
}

impl LayerIndex {
    /// Finds the classes of a layer's files, in the order of their names.
    pub fn scan(files: &[RoleFile]) -> Self {
        let mut index = Self::default();
        let mut sorted: Vec<&RoleFile> = files.iter().collect();
        sort_by(&mut sorted, &|one, other| one.name.cmp(&other.name));
        let roles = || sorted.iter().filter(|file| file.name != INDEX);
        // A file's own word counts more than its name.
        for file in roles() {
            if let Some(class) = marker(&file.text, "class") {
                index.define(class, file, true);
            }
        }
        for file in roles() {
            if let Some(stem) = file.name.strip_suffix(".md").filter(|stem| is_class(stem)) {
                index.define(stem, file, false);
            }
        }
        if let Some(list) = sorted.iter().find(|file| file.name == INDEX) {
            for (class, domain) in rows(&list.text) {
                let known = index
                    .classes
                    .or_insert_with(class.to_string(), Known::default);
                known.domain.get_or_insert_with(|| domain.to_string());
            }
        }
        index
    }

    fn define(&mut self, class: &str, file: &RoleFile, marked: bool) {
        let known = self
            .classes
            .or_insert_with(class.to_string(), Known::default);
        match &known.file {
            Some(first) if known.marked && marked => {
                let message = format!("{} defines class `{class}` as {first} does", file.name);
                let code = Code::LIBRARY_CLASS_DUPLICATE;
                let help = format!("{first} is used; give one of them another class");
                let mut warning = Diagnostic::warning(code, message).help(help);
                warning.place = marker_place(&file.text, "class").map(Box::new);
                self.warnings.push(warning.within(&*file.name));
            }
            Some(_) => {}
            None => {
                known.file = Some(file.name.clone());
                known.marked = marked;
                known.domain = marker(&file.text, "domain").map(String::from);
                known.runtime = marker(&file.text, "runtime").map(String::from);
                let model = marker_at(&file.text, "model", is_model);
                known.model = model.map(|(_, model)| String::from(model));
                known.digest = of_bytes(file.text.as_bytes());
            }
        }
    }
}

/// Reads the rows of an index: the class in the first cell, the domain of the heading above.
fn rows(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut domain = DEFAULT_DOMAIN;
    text.lines().filter_map(move |line| {
        if let Some(heading) = line.strip_prefix("## ") {
            domain = heading.trim();
            return None;
        }
        let cell = line.trim().strip_prefix('|')?.split('|').next()?;
        let class = bare(cell.trim());
        is_class(class).then_some((class, domain))
    })
}

/// Takes back quotes and a link off a cell.
fn bare(cell: &str) -> &str {
    let linked = cell.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let text = linked.map_or(cell, |(text, _)| text);
    text.trim_matches('`')
}

/// Both layers of a library.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Library {
    /// What comes with the product.
    pub base: LayerIndex,
    /// What the operator put over it.
    pub over: LayerIndex,
}

impl Library {
    /// Tells whether a class is known, with or without a file.
    pub fn contains(&self, class: &str) -> bool {
        self.base.classes.contains_key(class) || self.over.classes.contains_key(class)
    }

    /// Walks the classes in order.
    pub fn classes(&self) -> impl Iterator<Item = &str> {
        let both = self.base.classes.keys().chain(self.over.classes.keys());
        let all: Set<&str> = both.map(String::as_str).collect();
        all.into_iter()
    }

    /// Finds the persona of a class: the operator's wins. A class may be listed and have
    /// no file; then there is none.
    pub fn resolve(&self, class: &str) -> Option<Persona> {
        let layers = [
            (PersonaLayer::Override, &self.over),
            (PersonaLayer::Baseline, &self.base),
        ];
        layers.into_iter().find_map(|(layer, index)| {
            let known = index.classes.get(class)?;
            Some(Persona {
                class: class.to_string(),
                layer,
                file: known.file.clone()?,
                digest: known.digest.clone(),
                runtime: known.runtime.clone(),
                model: known.model.clone(),
            })
        })
    }

    /// Finds the operator's files that take the place of a baseline's of another name:
    /// whoever reads the baseline would not look for them there.
    pub fn shadows(&self, over: &[RoleFile]) -> Vec<Diagnostic> {
        let both = self.over.classes.iter().filter_map(|(class, known)| {
            let below = self.base.classes.get(class)?.file.as_deref()?;
            let above = known.file.as_deref()?;
            (above != below).then_some((class, above, below))
        });
        let told = both.map(|(class, above, below)| {
            let message =
                format!("{above} takes the place of {below} of the baseline, as class `{class}`");
            let help = format!("name it {below} if that is meant, or give it another class");
            let mut warning = Diagnostic::warning(Code::LIBRARY_CLASS_SHADOWED, message).help(help);
            let file = over.iter().find(|file| file.name == above);
            let place = file.and_then(|file| marker_place(&file.text, "class"));
            warning.place = place.map(Box::new);
            warning.within(above)
        });
        told.collect()
    }

    /// Tells how a class stands in the two layers.
    pub fn status(&self, class: &str) -> Option<PersonaStatus> {
        let (base, over) = (
            self.base.classes.contains_key(class),
            self.over.classes.contains_key(class),
        );
        match (base, over) {
            (true, false) => Some(PersonaStatus::Baseline),
            (true, true) => Some(PersonaStatus::Overridden),
            (false, true) => Some(PersonaStatus::Custom),
            (false, false) => None,
        }
    }

    /// Returns what a class is about.
    pub fn domain(&self, class: &str) -> &str {
        fn of<'i>(index: &'i LayerIndex, class: &str) -> Option<&'i str> {
            index.classes.get(class)?.domain.as_deref()
        }
        let own = of(&self.over, class).or_else(|| of(&self.base, class));
        own.unwrap_or(DEFAULT_DOMAIN)
    }

    /// Lists every class.
    pub fn list(&self) -> Vec<Listed> {
        let listed = self.classes().filter_map(|class| {
            Some(Listed {
                class: class.to_string(),
                status: self.status(class)?,
                domain: self.domain(class).to_string(),
                readable: self.resolve(class).is_some(),
            })
        });
        listed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn file(name: &str, text: &str) -> RoleFile {
        RoleFile {
            name: name.into(),
            text: text.into(),
        }
    }

    fn library() -> Library {
        Library {
            base: LayerIndex::scan(&[
                file(
                    "LIBRARY.md",
                    "# Personas\n\n## engineering\n\n| Persona | What |\n| --- | --- |\n| `code` | writes |\n| [planner](planner.md) | plans |\n| ghost | nobody |\n\n## executive\n\n| Persona | What |\n| --- | --- |\n| ceo | leads |\n",
                ),
                file(
                    "code.md",
                    "# Code\n\n(`class: code`, `domain: engineering`)\n",
                ),
                file("planner.md", "# Planner\n"),
                file("chief.md", "The one (`class:\n  ceo`).\n"),
            ]),
            over: LayerIndex::scan(&[
                file("mine.md", "`class: code`"),
                file("extra.md", "An own one."),
            ]),
        }
    }

    #[test]
    fn classes_come_from_markers_rows_and_names() {
        let library = library();
        let classes: Vec<_> = library.classes().collect();
        assert_eq!(
            classes,
            ["ceo", "chief", "code", "extra", "ghost", "mine", "planner"]
        );
        let found = |class| {
            library
                .resolve(class)
                .map(|persona| (persona.layer, persona.file))
        };
        assert_eq!(
            found("code"),
            Some((PersonaLayer::Override, "mine.md".into()))
        );
        assert_eq!(
            found("ceo"),
            Some((PersonaLayer::Baseline, "chief.md".into()))
        );
        assert_eq!(found("ghost"), None, "a row is no file");
        assert_eq!(library.status("code"), Some(PersonaStatus::Overridden));
        assert_eq!(library.status("extra"), Some(PersonaStatus::Custom));
        assert_eq!(library.domain("ceo"), "executive");
        assert_eq!(library.domain("planner"), "engineering");
    }

    #[test]
    fn two_files_of_one_class_are_told() {
        let index = LayerIndex::scan(&[file("b.md", "`class: x`"), file("a.md", "`class: x`")]);
        assert_eq!(index.warnings.len(), 1);
        let place = index
            .warnings
            .first()
            .and_then(|warning| warning.place.clone());
        let place = place.map(|place| (place.file, place.line, place.column, place.length));
        assert_eq!(place, Some((Some("b.md".into()), 1, 9, 1)));
        let library = Library {
            base: index,
            over: LayerIndex::default(),
        };
        assert_eq!(
            library.resolve("x").map(|persona| persona.file),
            Some("a.md".into())
        );
    }

    #[test]
    fn a_contract_is_empty_when_there_is_none() {
        let library = library();
        let read = |persona: &Persona| (persona.file != "extra.md").then_some("\nBe.\n\n");
        for (class, block) in [
            ("code", "# Persona Contract (code)\n\nBe.\n"),
            (" code ", "# Persona Contract (code)\n\nBe.\n"),
            ("extra", ""),
            ("ghost", ""),
            ("unknown", ""),
            (" ", ""),
            ("", ""),
        ] {
            assert_eq!(contract(&library, class, read), block, "{class}");
        }
        let blank = contract(&library, "code", |_| Some(" \n"));
        assert_eq!(blank, "");
        let nothing = contract(&Library::default(), "code", |_| Some("text"));
        assert_eq!(nothing, "");
    }

    #[test]
    fn markers_are_exact() {
        for (text, class) in [
            ("`class: a-1`", Some("a-1")),
            ("`class:a`", Some("a")),
            ("`class: A`", None),
            ("`class: a b`", None),
            ("class: a", None),
            ("`x` and `class: b`", Some("b")),
        ] {
            assert_eq!(marker(text, "class"), class, "{text}");
        }
        assert_eq!(
            vec![is_class("a"), is_class("-a"), is_class("")],
            [true, false, false]
        );
    }
}
