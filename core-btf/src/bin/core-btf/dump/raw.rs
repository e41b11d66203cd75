//! The form of `bpftool btf dump file FILE format raw`.

use std::fmt::Write as _;

use core_btf::{Btf, Error, Kind, TypeId, TypeRef};

use super::describe::{Field, Value, describe, kind_name, name};

/// All types, a line each, and a line for each of their parts.
pub(crate) fn print<'b>(
    btf: &Btf<'_>,
    types: impl Iterator<Item = TypeRef<'b>>,
) -> Result<String, Error> {
    let mut out = String::new();
    for ty in types {
        let description = describe(btf, &ty)?;
        let (kind, text) = (description.kind, &description.name);
        push(&mut out, format_args!("{} {kind} '{text}'", ty.id()));
        let separator = if ty.kind() == Kind::Var { ", " } else { " " };
        out.push(' ');
        push_fields(&mut out, &description.fields, separator, ty.kind());
        for part in description.parts.map_or(Vec::new(), |(_, parts)| parts) {
            out.push_str("\n\t");
            push_fields(&mut out, &part, " ", ty.kind());
            if ty.kind() == Kind::Datasec
                && let Some((_, Value::Number(id))) = part.first()
                && let Ok(var) = btf.get(TypeId(u32::try_from(*id).unwrap_or_default()))
            {
                let text = name(btf, var.name_offset());
                push(
                    &mut out,
                    format_args!(" ({} '{text}')", kind_name(var.kind())),
                );
            }
        }
        out.push('\n');
    }
    Ok(out)
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes all that is written to it.
    out.write_fmt(text).unwrap_or_default();
}

fn push_fields(out: &mut String, fields: &[Field], separator: &str, kind: Kind) {
    for (n, (key, value)) in fields.iter().enumerate() {
        if n > 0 {
            out.push_str(separator);
        }
        match value {
            Value::Number(number) => {
                push(out, format_args!("{key}={number}"));
                if *key == "val" && kind == Kind::Enum64 {
                    out.push_str(if *number < 0 { "LL" } else { "ULL" });
                }
            }
            Value::Word(word) => push(out, format_args!("{key}={word}")),
            Value::Name(name) => push(out, format_args!("'{name}'")),
        }
    }
}
