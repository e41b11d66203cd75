//! What the server replies.

use std::io::Write as _;

use core_runtime::bpf_traceable;

use crate::cache::Refusal;

/// A reply, as the protocol knows them.
#[bpf_traceable]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Simple(&'static str),
    Bulk(Vec<u8>),
    Nil,
    Integer(i64),
    Array(Vec<Reply>),
    Error(String),
}

impl Reply {
    pub(crate) const OK: Self = Self::Simple("OK");

    pub(crate) fn bulk(text: impl Into<Vec<u8>>) -> Self {
        Self::Bulk(text.into())
    }

    pub(crate) fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Adds it to what is to be sent.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Simple(text) => line(out, '+', text),
            Self::Bulk(bytes) => {
                line(out, '$', bytes.len());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Self::Nil => line(out, '$', -1),
            Self::Integer(number) => line(out, ':', number),
            Self::Array(elements) => {
                line(out, '*', elements.len());
                for element in elements {
                    element.write(out);
                }
            }
            Self::Error(text) => line(out, '-', text),
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let text = match refusal {
            Refusal::NoRoom => "OOM the value does not fit into the cache",
            Refusal::NotAnInteger => "ERR value is not an integer or out of range",
            Refusal::Overflow => "ERR increment or decrement would overflow",
        };
        Self::Error(text.to_owned())
    }
}

fn line(out: &mut Vec<u8>, sign: char, text: impl std::fmt::Display) {
    // Writing to a vector can't fail.
    write!(out, "{sign}{text}\r\n").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_written_as_the_protocol_wants_them() {
        let mut out = Vec::new();
        Reply::Array(vec![
            Reply::OK,
            Reply::Integer(-3),
            Reply::Nil,
            Reply::bulk("a\r\nb"),
            Reply::from(Refusal::Overflow),
        ])
        .write(&mut out);
        assert_eq!(
            out.escape_ascii().to_string(),
            r"*5\r\n+OK\r\n:-3\r\n$-1\r\n$4\r\na\r\nb\r\n-ERR increment or decrement would overflow\r\n"
        );
    }
}
