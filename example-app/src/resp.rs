//! RESP2, the Redis protocol: commands as they come in.

use thiserror::Error;

/// Words of one command, its name included.
const MAX_WORDS: usize = 1024;
/// Bytes of one word.
const MAX_BULK: usize = 16 << 20;
/// Bytes of one command, so that a client can't fill the memory.
const MAX_COMMAND: usize = 32 << 20;
/// Bytes of a line: an inline command, or the length that stands before a word.
const MAX_LINE: usize = 64 << 10;

/// What a client must not send. The connection is closed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum ProtocolError {
    #[error("too big inline request")]
    LongLine,
    #[error("invalid multibulk length")]
    WordCount,
    #[error("expected '$', got {:?}", char::from(*.0))]
    NotABulk(u8),
    #[error("invalid bulk length")]
    BulkLength,
    #[error("a bulk does not end with CR LF")]
    BulkEnd,
    #[error("too big command")]
    LongCommand,
}

/// A whole command at the front of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Its name and arguments; empty for a blank line, which asks for nothing.
    pub(crate) words: Vec<&'a [u8]>,
    /// It is an inline command, as one types it into telnet: words between spaces.
    pub(crate) typed: bool,
    /// How many bytes of the buffer it takes.
    pub(crate) len: usize,
}

/// Reads the command at the front of `input`; `None` when the rest of it is still to come.
pub(crate) fn parse(input: &[u8]) -> Result<Option<Frame<'_>>, ProtocolError> {
    match input.first() {
        None => Ok(None),
        Some(b'*') => parse_array(input),
        Some(_) => Ok(line(input)?.map(|(text, len)| Frame {
            words: text
                .split(u8::is_ascii_whitespace)
                .filter(|word| !word.is_empty())
                .collect(),
            typed: true,
            len,
        })),
    }
}

fn parse_array(input: &[u8]) -> Result<Option<Frame<'_>>, ProtocolError> {
    let Some((count, mut at)) = length(input, ProtocolError::WordCount)? else {
        return Ok(None);
    };
    let count = usize::try_from(count).unwrap_or(0);
    if count > MAX_WORDS {
        return Err(ProtocolError::WordCount);
    }
    let mut words = Vec::new();
    for _ in 0..count {
        let rest = input.get(at..).unwrap_or_default();
        match rest.first() {
            None => return Ok(None),
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::NotABulk(*other)),
        }
        let Some((len, header)) = length(rest, ProtocolError::BulkLength)? else {
            return Ok(None);
        };
        let len = usize::try_from(len)
            .ok()
            .filter(|len| *len <= MAX_BULK)
            .ok_or(ProtocolError::BulkLength)?;
        if at + header + len > MAX_COMMAND {
            return Err(ProtocolError::LongCommand);
        }
        let Some((word, end)) = rest
            .get(header..)
            .and_then(|rest| rest.split_at_checked(len))
        else {
            return Ok(None);
        };
        match end {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] => {}
            _ => return Err(ProtocolError::BulkEnd),
        }
        words.push(word);
        at += header + len + 2;
    }
    Ok(Some(Frame {
        words,
        typed: false,
        len: at,
    }))
}

/// The line at the front, without its end, and how many bytes it takes.
fn line(input: &[u8]) -> Result<Option<(&[u8], usize)>, ProtocolError> {
    let seen = input.get(..MAX_LINE).unwrap_or(input);
    match seen.iter().position(|byte| *byte == b'\n') {
        Some(end) => {
            let text = seen.get(..end).unwrap_or_default();
            Ok(Some((text.strip_suffix(b"\r").unwrap_or(text), end + 1)))
        }
        None if seen.len() == MAX_LINE => Err(ProtocolError::LongLine),
        None => Ok(None),
    }
}

/// The number of a `*3` or `$5` line, and how many bytes the line takes.
fn length(input: &[u8], error: ProtocolError) -> Result<Option<(i64, usize)>, ProtocolError> {
    let Some((text, len)) = line(input)? else {
        return Ok(None);
    };
    let digits = text.get(1..).unwrap_or_default();
    let number = str::from_utf8(digits).ok().and_then(|digits| {
        let plain = !digits.starts_with('+');
        digits.parse().ok().filter(|_| plain)
    });
    Ok(Some((number.ok_or(error)?, len)))
}

#[cfg(test)]
mod tests;
