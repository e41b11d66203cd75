use super::*;

fn words(input: &[u8]) -> Vec<&[u8]> {
    parse(input).unwrap().unwrap().words
}

#[test]
fn an_array_of_bulks_is_a_command() {
    let input = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nbc\r\nrest";
    let frame = parse(input).unwrap().unwrap();
    assert_eq!(frame.words, [&b"SET"[..], b"k", b"a\r\nbc"]);
    assert_eq!(frame.len, input.len() - b"rest".len());
    assert!(!frame.typed);
}

#[test]
fn a_typed_line_is_a_command() {
    for line in ["SET k v\r\n", "SET k v\n", "  SET \t k  v \r\n"] {
        let frame = parse(line.as_bytes()).unwrap().unwrap();
        assert_eq!(frame.words, [&b"SET"[..], b"k", b"v"], "{line:?}");
        assert_eq!(frame.len, line.len());
        assert!(frame.typed);
    }
}

#[test]
fn what_asks_for_nothing_is_passed_over() {
    for input in ["\r\n", "\n", "  \r\n", "*0\r\n", "*-1\r\n"] {
        let frame = parse(input.as_bytes()).unwrap().unwrap();
        assert!(frame.words.is_empty(), "{input:?}");
        assert_eq!(frame.len, input.len());
    }
}

#[test]
fn words_may_be_empty_and_binary() {
    assert_eq!(
        words(b"*2\r\n$0\r\n\r\n$3\r\n\0\xff\n\r\n"),
        [&b""[..], b"\0\xff\n"]
    );
}

/// Bytes arrive as the network likes: no cut may change what is read, or be an error.
#[test]
fn every_prefix_of_a_command_is_partial() {
    for input in [
        &b"*2\r\n$4\r\nECHO\r\n$11\r\n\r\n$3\r\nabc\r\n\r\n"[..],
        b"ECHO hello\r\n",
    ] {
        assert_eq!(parse(input).unwrap().unwrap().len, input.len());
        for cut in 0..input.len() {
            assert_eq!(parse(&input[..cut]), Ok(None), "cut at {cut}");
        }
    }
}

#[test]
fn malformed_input_is_told_apart() {
    let cases: &[(&[u8], ProtocolError)] = &[
        (b"*x\r\n", ProtocolError::WordCount),
        (b"*\r\n", ProtocolError::WordCount),
        (b"*+1\r\n", ProtocolError::WordCount),
        (b"* 1\r\n", ProtocolError::WordCount),
        (b"*1025\r\n", ProtocolError::WordCount),
        (b"*9223372036854775807\r\n", ProtocolError::WordCount),
        (b"*9223372036854775808\r\n", ProtocolError::WordCount),
        (b"*99999999999999999999999999\r\n", ProtocolError::WordCount),
        (b"*1\r\n:5\r\n", ProtocolError::NotABulk(b':')),
        (b"*1\r\n*1\r\n", ProtocolError::NotABulk(b'*')),
        (b"*1\r\n$-1\r\n", ProtocolError::BulkLength),
        (b"*1\r\n$\r\n", ProtocolError::BulkLength),
        (b"*1\r\n$3x\r\n", ProtocolError::BulkLength),
        (b"*1\r\n$16777217\r\n", ProtocolError::BulkLength),
        (b"*1\r\n$9223372036854775807\r\n", ProtocolError::BulkLength),
        (
            b"*1\r\n$18446744073709551615\r\n",
            ProtocolError::BulkLength,
        ),
        (b"*1\r\n$3\r\nabcd\r\n", ProtocolError::BulkEnd),
        (b"*1\r\n$3\r\nabc\rx", ProtocolError::BulkEnd),
        (b"*1\r\n$3\r\nabc\n", ProtocolError::BulkEnd),
    ];
    for (input, error) in cases {
        assert_eq!(parse(input), Err(*error), "{}", input.escape_ascii());
    }
}

/// A client that never ends its line, or its length, must not be waited for.
#[test]
fn a_line_without_end_is_refused() {
    for first in [b'P', b'*'] {
        let mut input = vec![first; MAX_LINE - 1];
        assert_eq!(parse(&input), Ok(None));
        input.push(b'0');
        assert_eq!(parse(&input), Err(ProtocolError::LongLine));
    }
}

/// Each length is allowed, their sum is not.
#[test]
fn a_command_of_too_many_bytes_is_refused_before_it_is_there() {
    let mut input = b"*3\r\n".to_vec();
    for _ in 0..2 {
        input.extend_from_slice(format!("${}\r\n", MAX_BULK - 64).as_bytes());
        input.resize(input.len() + MAX_BULK - 64, b'x');
        input.extend_from_slice(b"\r\n");
    }
    assert_eq!(parse(&input), Ok(None));
    input.extend_from_slice(b"$1000\r\n");
    assert_eq!(parse(&input), Err(ProtocolError::LongCommand));
}

/// Whatever comes in, parsing ends, takes at least a byte, and no more than there is.
#[test]
fn noise_never_panics() {
    let alphabet = b"*$:+-0123459\r\n\r\n\r\nabGET \0\xff";
    let mut state = 1_u64;
    for _ in 0..200_000 {
        let mut input = Vec::new();
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let mut bits = state >> 16;
        for _ in 0..state >> 60 {
            input.push(alphabet[usize::try_from(bits).unwrap() % alphabet.len()]);
            bits = bits.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3) >> 7;
        }
        if let Ok(Some(frame)) = parse(&input) {
            assert!(
                (1..=input.len()).contains(&frame.len),
                "{}",
                input.escape_ascii()
            );
        }
    }
}
