//! rustc's command line, option by option.

/// An option of rustc with its value, or an argument that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opt<'a> {
    /// The long name without dashes (`codegen` for `-C`); empty for an argument that is no option.
    pub(super) name: &'a str,
    /// The value; for an argument that is no option, the argument.
    pub(super) value: &'a str,
    /// The arguments that it takes, one or two.
    pub(super) raw: &'a [String],
}

impl<'a> Opt<'a> {
    /// `key` and `value` of `-C key=value`, with the dashes of the key as rustc's help has them.
    pub(super) fn key_value(&self) -> (String, &'a str) {
        let (key, value) = self.value.split_once('=').unwrap_or((self.value, ""));
        (key.replace('_', "-"), value)
    }
}

/// The short options that have a value, and their long names.
const SHORT: [(&str, &str); 9] = [
    ("-A", "allow"),
    ("-C", "codegen"),
    ("-D", "deny"),
    ("-F", "forbid"),
    ("-L", "search"),
    ("-W", "warn"),
    ("-Z", "unstable"),
    ("-l", "link"),
    ("-o", "output"),
];

/// The long options whose value may be an argument of its own.
const LONG: [&str; 26] = [
    "allow",
    "cap-lints",
    "cfg",
    "check-cfg",
    "codegen",
    "color",
    "crate-name",
    "crate-type",
    "deny",
    "diagnostic-width",
    "edition",
    "emit",
    "env-set",
    "error-format",
    "explain",
    "extern",
    "forbid",
    "force-warn",
    "json",
    "out-dir",
    "print",
    "remap-path-prefix",
    "remap-path-scope",
    "sysroot",
    "target",
    "warn",
];

/// The short options that have no value.
const FLAGS: [&str; 5] = ["-O", "-V", "-g", "-h", "-v"];

/// Takes flags apart that stand in one argument: `-gOo file` is `-g -O -o file`.
pub(super) fn separated(args: Vec<String>) -> Vec<String> {
    let mut out = Vec::with_capacity(args.len());
    let mut args = args.into_iter().peekable();
    while let Some(mut arg) = args.next() {
        if arg == "--" {
            out.push(arg);
            break;
        }
        while let Some((flag, rest)) = arg.split_at_checked(2)
            && FLAGS.contains(&flag)
            && !rest.is_empty()
        {
            out.push(flag.to_owned());
            arg = format!("-{rest}");
        }
        let (_, taken) = option(&arg, args.peek());
        out.push(arg);
        if taken == 2 {
            out.extend(args.next());
        }
    }
    out.extend(args);
    out
}

/// The options of a command line, in its order, of which each is [separate](separated). What follows `--` is no option.
pub(super) fn options(args: &[String]) -> impl Iterator<Item = Opt<'_>> {
    let mut rest = args;
    let mut only_arguments = false;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let (opt, taken) = if only_arguments {
            (argument(first), 1)
        } else {
            only_arguments = first == "--";
            option(first, rest.get(1))
        };
        let (raw, after) = rest.split_at_checked(taken)?;
        rest = after;
        Some(Opt { raw, ..opt })
    })
}

fn argument(text: &str) -> Opt<'_> {
    Opt {
        name: "",
        value: text,
        raw: &[],
    }
}

/// The option at `first` and how many arguments it takes.
fn option<'a>(first: &'a str, next: Option<&'a String>) -> (Opt<'a>, usize) {
    let of = |name, value| Opt {
        name,
        value,
        raw: &[],
    };
    if let Some(long) = first.strip_prefix("--") {
        if let Some((name, value)) = long.split_once('=') {
            return (of(name, value), 1);
        }
        return match next {
            Some(value) if LONG.contains(&long) => (of(long, value), 2),
            _ => (of(long, ""), 1),
        };
    }
    for (short, long) in SHORT {
        if let Some(value) = first.strip_prefix(short) {
            return match next {
                Some(next) if value.is_empty() => (of(long, next), 2),
                _ => (of(long, value), 1),
            };
        }
    }
    match first {
        // As in `FLAGS`.
        "-O" => (of("optimise", ""), 1),
        "-g" => (of("debug", ""), 1),
        "-v" => (of("verbose", ""), 1),
        _ => (argument(first), 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(args: &[&str]) -> Vec<String> {
        args.iter().map(|&arg| arg.to_owned()).collect()
    }

    #[test]
    fn every_spelling_of_an_option_is_read() {
        let args = strings(&[
            "-C",
            "opt_level=3",
            "-Copt-level=2",
            "--codegen",
            "lto",
            "--codegen=panic=abort",
            "-O",
            "-g",
            "--test",
            "--crate-type",
            "lib",
            "--emit=dep-info,link",
            "-ofile",
            "src/main.rs",
            "--unknown",
            "--",
            "-O",
        ]);
        let read: Vec<_> = options(&args)
            .map(|opt| (opt.name, opt.value, opt.raw.len()))
            .collect();
        assert_eq!(
            read,
            [
                ("codegen", "opt_level=3", 2),
                ("codegen", "opt-level=2", 1),
                ("codegen", "lto", 2),
                ("codegen", "panic=abort", 1),
                ("optimise", "", 1),
                ("debug", "", 1),
                ("test", "", 1),
                ("crate-type", "lib", 2),
                ("emit", "dep-info,link", 1),
                ("output", "file", 1),
                ("", "src/main.rs", 1),
                ("unknown", "", 1),
                ("", "", 1),
                ("", "-O", 1),
            ]
        );
        let key = options(&args).next().unwrap().key_value();
        assert_eq!(key, ("opt-level".to_owned(), "3"));
    }

    #[test]
    fn flags_that_stand_together_are_taken_apart() {
        for (together, apart) in [
            (
                &["-gOo", "file", "a.rs"][..],
                &["-g", "-O", "-o", "file", "a.rs"][..],
            ),
            (&["-vOofile"], &["-v", "-O", "-ofile"]),
            (&["-gC", "-gO", "-gO"], &["-g", "-C", "-gO", "-g", "-O"]),
            (&["-o", "-gO", "-O"], &["-o", "-gO", "-O"]),
            (
                &["-L", "-gO", "--cfg", "-gv"],
                &["-L", "-gO", "--cfg", "-gv"],
            ),
            (&["-g", "--", "-gO"], &["-g", "--", "-gO"]),
            (&["-gö"], &["-g", "-ö"]),
        ] {
            assert_eq!(separated(strings(together)), apart);
        }
    }

    /// Whatever the arguments are, each is in exactly one option.
    #[test]
    fn no_argument_is_lost() {
        for args in [
            strings(&[]),
            strings(&["-C"]),
            strings(&["--emit"]),
            strings(&["-", "--", "--", "-C", "x"]),
            strings(&["", "-", "--=", "-C=", "a b.rs"]),
        ] {
            let raw: Vec<_> = options(&args).flat_map(|opt| opt.raw.to_vec()).collect();
            assert_eq!(raw, args);
        }
    }
}
