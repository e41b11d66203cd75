//! What stands below the options, in `--help` and in the manual: sections of prose, tables and
//! examples. Tests compare the tables with what is printed, and run the examples.

/// A section of the documentation.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// Lines that are indented stand as they are; others are prose.
    pub(crate) text: &'static str,
}

pub(crate) const EXIT_STATUS: Section = Section {
    title: "Exit status",
    text: "
  0  success
  1  `check` found a relocation that fails
  2  bad usage, or a file that cannot be read or written

Errors go to stderr and name the file, and the section and offset in it where there is one.",
};

pub(crate) const COMMAND: &[Section] = &[EXIT_STATUS];

pub(crate) const EXTRACT: &[Section] = &[
    Section {
        title: "C++ and Rust",
        text: "
Types of C++ are called by their whole path, made a C identifier: `net::Pool<int*, 4>` is
`net_Pool_int_ptr_4`. Types of Rust look as #[bpf_traceable] shows them: an enum with data is a union
with a tag, `Vec<u8>` is `Vec_u8` with ptr, cap and len.",
    },
    Section {
        title: "Examples",
        text: "
  core-btf extract server -o server.btf
  core-btf extract server -t 'conn_*' -t request | core-btf dump /dev/stdin -f c
  core-btf extract target/debug/libserver.rlib -t State -o state.btf",
    },
];

pub(crate) const DUMP: &[Section] = &[
    Section {
        title: "JSON output",
        text: r#"
One object, in which `types` has an object for each type, one per line, by ascending id. The form is
that of `bpftool --json btf dump`. It is stable: what is said here stays true, and other programs can
rely on it.

  {"types":[
  {"id":1,"kind":"INT","name":"int","size":4,"bits_offset":0,"nr_bits":32,"encoding":"SIGNED"},
  {"id":2,"kind":"PTR","name":"(anon)","type_id":1}
  ]}

Each type has, in this order, id, kind, name and the fields of its kind. Lists of parts have the fields
in brackets.

  INT            size bits_offset nr_bits encoding
  PTR            type_id
  ARRAY          type_id index_type_id nr_elems
  STRUCT         size vlen members [ name type_id bits_offset bitfield_size ]
  UNION          size vlen members [ name type_id bits_offset bitfield_size ]
  ENUM           encoding size vlen values [ name val ]
  FWD            fwd_kind
  TYPEDEF        type_id
  VOLATILE       type_id
  CONST          type_id
  RESTRICT       type_id
  FUNC           type_id linkage
  FUNC_PROTO     ret_type_id vlen params [ name type_id ]
  VAR            type_id linkage
  DATASEC        size vlen vars [ type_id offset size ]
  FLOAT          size
  DECL_TAG       type_id component_idx
  TYPE_TAG       type_id
  ENUM64         encoding size vlen values [ name val ]

What the fields mean, and their units:

  id             number of the type, by which others refer to it
  kind           one of the words above
  name           (anon) where there is none; bytes that are not UTF-8
                 become U+FFFD
  size           bytes of a value; of a DATASEC's part, bytes that the
                 variable takes there
  vlen           number of members, values, params or vars
  bits_offset    bits from the start of the struct or union to the member;
                 of an INT, from the start of its bytes to its value
  bitfield_size  bits of a bitfield; only bitfields have it
  nr_bits        bits of the value
  encoding       of an INT SIGNED, CHAR, BOOL or (none), which is unsigned;
                 UNKN for other numbers. Of an enum SIGNED or UNSIGNED
  type_id        id of the type that this one, or this part, refers to or
                 is of; 0 is void
  index_type_id  id of the type of an array's index
  nr_elems       number of elements
  fwd_kind       struct or union
  linkage        static, global or extern; (unknown) for other numbers
  ret_type_id    id of the type that a function returns; 0 is void
  val            an integer of up to 64 bits, signed or not as the encoding
                 says
  offset         bytes from the start of the section to the variable
  component_idx  number of the member or parameter that the tag is on, from
                 0; -1 if it is on the whole type, function or variable
  members        parts of a STRUCT or UNION
  values         parts of an ENUM or ENUM64
  params         parts of a FUNC_PROTO
  vars           parts of a DATASEC"#,
    },
    Section {
        title: "Examples",
        text: r#"
  core-btf dump server.btf -f c --app -t 'conn_*' > conn.h
  core-btf dump /sys/kernel/btf/vmlinux -f c -t task_struct > task.h
  core-btf dump nf_tables.btf --base vmlinux.btf
  core-btf dump server -f json | jq '.types[] | select(.kind == "STRUCT") | .name'"#,
    },
];

pub(crate) const MERGE: &[Section] = &[
    Section {
        title: "With and without --for",
        text: "
Without --for the types of the files follow those of BASE, whose ids do not change; nothing is
compared or deduplicated. A type that has the name of one of BASE is then ambiguous to libbpf, or
wrong: --for takes each type from where it belongs.",
    },
    Section {
        title: "Examples",
        text: "
  core-btf merge /sys/kernel/btf/vmlinux server.btf -o both.btf
  core-btf merge /sys/kernel/btf/vmlinux server.btf --for trace.bpf.o -o trace.btf",
    },
];

pub(crate) const CHECK: &[Section] = &[
    Section {
        title: "Result",
        text: "
What is missing fails, unless the function asks whether something of that type exists
(bpf_core_field_exists() and the like): it may then be in code that is not reached.

  PROGRAM  function: a BPF program, or a subprogram
  INSN     instruction in it, from 0; one of 16 bytes counts as two
  KIND     what is asked for, in libbpf's words
  LOCAL    the type that the object was compiled with, and the access string
  TARGET   what that is in the target, as far as it was found
  FROM     where the target is from: `app`, `vmlinux`, or `module` with
           the name of its file
  OLD      the value in the object
  NEW      the value that loading puts in its place
  RESULT   `ok`, or why not",
    },
    Section {
        title: "JSON output",
        text: r#"
One object. It is stable: what is said here stays true, and other programs can rely on it.

  object         path of the object, as it was given
  relocations    a list, in the order in which libbpf applies them, of
                 objects with all of these fields:

  program        function: a BPF program, or a subprogram
  section        section that it is in
  instruction    number of the instruction in the function, from 0; one of
                 16 bytes counts as two
  file           source file; null without line information
  line           line in it, from 1; null without line information
  kind           what is asked for: byte_off byte_sz field_exists signed
                 lshift_u64 rshift_u64 local_type_id target_type_id
                 type_exists type_size enumval_exists enumval_value
                 type_matches
  local          local type and access string, such as
                 "struct data.c (0:1 @ offset 4)"
  target         the same of the target, as far as it was found; null if
                 nothing was
  from           where the target is from: app, vmlinux or module; null if
                 there is none
  module         name of the module's file; null if it is from no module
  old            value in the object: bytes (byte_off, byte_sz, type_size),
                 bits (shifts), 0 or 1 (signed, exists, matches), a type's
                 id, or an enumerator's value as 64 bits without sign
  new            value that loading puts in its place; null if there is
                 none
  verdict        ok, guarded (missing, but the function asks first) or
                 fails
  message        why, in words; ok if there is nothing to say"#,
    },
    Section {
        title: "Modules",
        text: "
What vmlinux does not have is looked for in the modules, as libbpf does: those that --module names or
else, where the kernel's types are in a file vmlinux (as in /sys/kernel/btf), in the other files of its
directory; where they are in RELEASE.btf, in the files of the directory RELEASE beside it.",
    },
    Section {
        title: "Examples",
        text: "
  core-btf check trace.bpf.o --against server.btf
  core-btf check trace.bpf.o --against server-1.2.btf --kernel 5.15.0-91-generic.btf --json",
    },
];

pub(crate) const EMBED: &[Section] = &[
    Section {
        title: "What changes",
        text: "
Segments, addresses, symbols and the bytes of all other sections stay as they are; the section is
not loaded when the program runs. A .BTF section that is there is replaced; one that is loaded with
the program (core_runtime::embed!() makes such) stays, as .BTF.loaded.

GNU strip keeps the section, llvm-strip with --keep-section=.BTF or --strip-all-gnu; or strip first,
and take the types from the unstripped file with --from.",
    },
    Section {
        title: "Examples",
        text: "
  core-btf embed server -o server
  strip -o server.stripped server && core-btf embed server.stripped --from server -o server",
    },
];

pub(crate) const COMPLETIONS: &[Section] = &[Section {
    title: "Examples",
    text: "
  core-btf completions bash > core-btf.bash && source core-btf.bash
  core-btf completions zsh > _core-btf",
}];

pub(crate) const MAN: &[Section] = &[Section {
    title: "Examples",
    text: "
  core-btf man extract | man -l -
  core-btf man > core-btf.1 && core-btf man extract > core-btf-extract.1",
}];

/// The sections of a subcommand, or of the command.
pub(crate) fn of(subcommand: Option<&str>) -> &'static [Section] {
    match subcommand {
        None => COMMAND,
        Some("extract") => EXTRACT,
        Some("dump") => DUMP,
        Some("merge") => MERGE,
        Some("check") => CHECK,
        Some("embed") => EMBED,
        Some("completions") => COMPLETIONS,
        Some("man") => MAN,
        Some(_) => &[],
    }
}

/// Sections, as `--help` shows them: clap breaks the lines of prose.
pub(crate) fn help(sections: &[Section]) -> String {
    let sections = sections.iter().map(|section| {
        let mut text = format!("{}:", section.title);
        let mut prose = false;
        for line in section.text.trim_start_matches('\n').lines() {
            let goes_on = prose && !line.is_empty();
            text.push(if goes_on { ' ' } else { '\n' });
            text.push_str(line);
            prose = !line.is_empty() && !line.starts_with(' ');
        }
        text
    });
    sections.collect::<Vec<_>>().join("\n\n")
}
