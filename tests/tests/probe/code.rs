//! What the annotations cost in code: nothing.

use std::collections::BTreeMap;
use std::fs;

use crate::rustc::{Crate, SUBJECT};
use crate::scratch::output_of;

/// Functions that do something with annotated types.
const BUSY: &str = r#"
use core_macros::bpf_traceable;
core_macros::embed!();

#[bpf_traceable]
pub struct Request {
    pub id: u64,
    pub path: String,
    pub sizes: Vec<u32>,
    pub state: State,
    #[bpf(skip)]
    pub next: Option<Box<Request>>,
}

#[bpf_traceable(deep)]
pub enum State {
    Idle,
    Busy { since: u64, name: String },
    Done(Result<u32, String>),
}

#[bpf_traceable(Pair<u8, u64>, Pair<u32, State>)]
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Pair<A, B>(pub A, pub B);

#[inline(never)]
pub fn total(request: &Request) -> u64 {
    let mut total = request.id;
    let mut next = Some(request);
    while let Some(request) = next {
        total += request.sizes.iter().map(|&size| u64::from(size)).sum::<u64>();
        total += match &request.state {
            State::Idle => 0,
            State::Busy { since, name } => since + name.len() as u64,
            State::Done(Ok(code)) => u64::from(*code),
            State::Done(Err(text)) => text.len() as u64,
        };
        next = request.next.as_deref();
    }
    total
}

#[inline(never)]
pub fn advance(request: &mut Request, now: u64) -> Option<Pair<u8, u64>> {
    let state = std::mem::replace(&mut request.state, State::Idle);
    request.state = match state {
        State::Idle => State::Busy { since: now, name: request.path.clone() },
        State::Busy { since, .. } if now > since => State::Done(Ok((now - since) as u32)),
        State::Busy { name, .. } => State::Done(Err(name)),
        done => done,
    };
    request.sizes.push(request.path.len() as u32);
    request.sizes.sort_unstable();
    let largest = Pair(1, u64::from(*request.sizes.last()?));
    (largest > Pair(0, now)).then_some(largest)
}

fn main() {
    let mut request = Request {
        id: 1,
        path: std::env::args().collect(),
        sizes: vec![1, 2],
        state: State::Idle,
        next: None,
    };
    for now in 0..9 {
        if let Some(pair) = advance(&mut request, now) {
            println!("{} {} {}", pair.0, pair.1, total(&request));
        }
    }
}
"#;

/// The source without anything of ours, line by line, so that places in messages stay the same.
fn without(source: &str) -> String {
    const OURS: [&str; 6] = [
        "#[bpf_traceable",
        "#[bpf(",
        "#[cfg_attr(any(), bpf",
        "#[cfg_attr(all(), bpf",
        "use core_macros::",
        "core_macros::embed!",
    ];
    let line = |line: &str| {
        let ours = OURS.iter().any(|start| line.trim().starts_with(start));
        format!("{}\n", if ours { "" } else { line })
    };
    source.lines().map(line).collect()
}

/// The instructions of each function of the program that rustc makes of a source.
fn functions(source: &str, level: &str) -> BTreeMap<String, Vec<String>> {
    let subject = Crate::new(source);
    output_of(subject.rustc().args([
        "main.rs",
        "--edition=2024",
        "--emit=asm=main.s",
        "-Ccodegen-units=1",
        level,
    ]));
    let text = fs::read_to_string(subject.dir.join("main.s")).unwrap();
    let mut functions = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(rest) = line.trim().strip_prefix(".type") {
            name = match rest.split_once(",@function") {
                Some((function, _)) => function.trim().to_owned(),
                None => String::new(),
            };
        } else if line.trim().starts_with(".size") {
            name.clear();
        } else if !name.is_empty() && !line.trim().starts_with('.') {
            let code: &mut Vec<String> = functions.entry(name.clone()).or_default();
            code.push(local_labels(line));
        }
    }
    functions
}

/// A line whose local labels have no number: those count all functions and constants before.
fn local_labels(line: &str) -> String {
    let mut parts = line.split(".L");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_alphanumeric() && !"_.".contains(c))
            .unwrap_or(part.len());
        let kind: String = part.chars().take_while(char::is_ascii_alphabetic).collect();
        out.extend([".L", &kind, &part[end..]]);
    }
    out
}

/// The annotations add no function and no instruction to a release build.
#[test]
fn annotations_add_no_instruction() {
    for (source, least) in [(BUSY, 10), (SUBJECT, 5)] {
        for level in ["-Copt-level=3", "-Copt-level=s"] {
            let traced = functions(source, level);
            let plain = functions(&without(source), level);
            let names: Vec<_> = plain.keys().collect();
            assert_eq!(traced.keys().collect::<Vec<_>>(), names, "{level}");
            assert!(names.len() >= least, "{names:?}");
            for (name, code) in &plain {
                assert_eq!(&traced[name], code, "{name}, {level}");
            }
        }
    }
}
