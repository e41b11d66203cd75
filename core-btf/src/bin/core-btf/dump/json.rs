//! JSON: the form of `bpftool --json btf dump file FILE`.

use std::fmt::{Display, Write as _};

use core_btf::{Btf, Error, TypeRef};

use super::describe::{Field, Value, describe};

/// All types, one per line.
pub(crate) fn print<'b>(
    btf: &Btf<'_>,
    types: impl Iterator<Item = TypeRef<'b>>,
) -> Result<String, Error> {
    let mut out = "{\"types\":[\n".to_owned();
    for (n, ty) in types.enumerate() {
        let description = describe(btf, &ty)?;
        let mut object = Object::default();
        object.number("id", ty.id().0);
        object.text("kind", description.kind);
        object.text("name", &description.name);
        object.fields(&description.fields);
        if let Some((key, parts)) = description.parts {
            let parts = parts.iter().map(|fields| {
                let mut part = Object::default();
                part.fields(fields);
                part.finish()
            });
            object.raw(key, &list(parts));
        }
        if n > 0 {
            out.push_str(",\n");
        }
        out.push_str(&object.finish());
    }
    out.push_str("\n]}\n");
    Ok(out)
}

/// A JSON array of values that are JSON already.
pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    format!("[{}]", items.join(","))
}

/// A JSON object in the making.
#[derive(Debug, Default)]
pub(crate) struct Object {
    text: String,
}

impl Object {
    fn fields(&mut self, fields: &[Field]) {
        for (key, value) in fields {
            match value {
                Value::Number(number) => self.number(key, number),
                Value::Word(word) => self.text(key, word),
                Value::Name(name) => self.text(key, name),
            }
        }
    }

    pub(crate) fn number(&mut self, key: &str, value: impl Display) {
        self.raw(key, &value.to_string());
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        let value = quoted(value);
        self.raw(key, &value);
    }

    pub(crate) fn null(&mut self, key: &str) {
        self.raw(key, "null");
    }

    /// A value that is JSON already.
    pub(crate) fn raw(&mut self, key: &str, value: &str) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(&quoted(key));
        self.text.push(':');
        self.text.push_str(value);
    }

    pub(crate) fn finish(self) -> String {
        format!("{{{}}}", self.text)
    }
}

fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' || c == '\u{7f}' => {
                // A string takes all that is written to it.
                write!(out, "\\u{:04x}", u32::from(c)).unwrap_or_default();
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
