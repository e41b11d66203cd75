//! The size-and-sign check: which accesses to an application's type are refused, and which are not.
//!
//! A case is a program, compiled against one version of the types, and another version of them.
//! Each case names the outcome of the one relocation it is about; all others must be right.

use core_btf::BpfObject;
use core_btf::relo::{Outcome, Sources, check};

use crate::common::{object_of, parse, types_of};

/// What the local types and the programs of all cases begin with.
const LOCAL: &str = r#"
#define APP __attribute__((preserve_access_index)) __attribute__((btf_decl_tag("core:app")))
#define INFO(ptr, field, what) __builtin_preserve_field_info((ptr)->field, BPF_FIELD_##what)
#define PLAIN(dst, ptr, field) bpf_probe_read_user(&(dst), sizeof(dst), &(ptr)->field)
#define SIZED(dst, ptr, field) \
    bpf_probe_read_user(&(dst), INFO(ptr, field, BYTE_SIZE),    \
                        (const void *)(ptr) + INFO(ptr, field, BYTE_OFFSET))
#define VALUE(ptr, field) ({                                    \
    __u64 v = 0;                                                \
    SIZED(v, ptr, field);                                       \
    v <<= INFO(ptr, field, LSHIFT_U64);                         \
    INFO(ptr, field, SIGNED)                                    \
        ? (__u64)((__s64)v >> INFO(ptr, field, RSHIFT_U64))     \
        : v >> INFO(ptr, field, RSHIFT_U64); })
#define AT(first, i) ((__typeof__(first))                       \
    ((unsigned long)(first) + (i) * bpf_core_type_size(__typeof__(*(first)))))
volatile __u64 sink;
enum kind { ONE, TWO };
struct pair { int x, y; } APP;
struct item { int id; int weight; } APP;
struct other { int a; } APP;
struct data {
    int a;
    unsigned int u;
    unsigned long long wide;
    short s;
    _Bool on;
    unsigned char byte;
    enum kind kind;
    double ratio;
    struct pair in;
    struct item items[4];
    char name[16];
    int grid[4];
    unsigned bits : 5, more : 3;
    struct data *next;
    struct item *heap;
    int *number;
    char *text;
    void *any;
    int last;
} APP;
"#;

/// The target's side, with the members that a case changes put in by name.
const TARGET: &str = r"
#ifndef KIND
#define KIND enum kind { ONE, TWO };
#endif
#ifndef PAIR
#define PAIR int x, y;
#endif
#ifndef ITEM
#define ITEM int id; int weight;
#endif
#ifndef A
#define A int a;
#endif
#ifndef U
#define U unsigned int u;
#endif
#ifndef WIDE
#define WIDE unsigned long long wide;
#endif
#ifndef S
#define S short s;
#endif
#ifndef ON
#define ON _Bool on;
#endif
#ifndef BYTE
#define BYTE unsigned char byte;
#endif
#ifndef KINDM
#define KINDM enum kind kind;
#endif
#ifndef RATIO
#define RATIO double ratio;
#endif
#ifndef ITEMS
#define ITEMS struct item items[4];
#endif
#ifndef NAME
#define NAME char name[16];
#endif
#ifndef GRID
#define GRID int grid[4];
#endif
#ifndef BITS
#define BITS unsigned bits : 5, more : 3;
#endif
#ifndef NEXT
#define NEXT struct data *next;
#endif
#ifndef NUMBER
#define NUMBER int *number;
#endif
#ifndef TEXT
#define TEXT char *text;
#endif
#ifndef ANY
#define ANY void *any;
#endif
#ifndef FIRST
#define FIRST
#endif
KIND
struct pair { PAIR };
struct item { ITEM };
struct other { int a; };
struct data {
    FIRST A U WIDE S ON BYTE KINDM RATIO
    struct pair in;
    ITEMS NAME GRID BITS NEXT
    struct item *heap;
    NUMBER TEXT ANY
    int last;
};
struct data v;
struct other o;
";

/// Versions that only move what the programs read.
const MOVED: &str = "-DFIRST=long first;";
const NESTED: &str = "-DA=struct { char c; union { long l; int a; }; };";

/// Compiles a program and checks it against a version of the types.
fn outcomes(object: &[u8], version: &[&str]) -> Vec<(String, Outcome)> {
    // No change at all is no flag.
    let flags: Vec<&str> = version.iter().copied().filter(|v| !v.is_empty()).collect();
    let app = [types_of(TARGET, &flags)];
    let app = parse(&app);
    let sources = Sources {
        app: &app,
        kernel: &[],
    };
    let object = BpfObject::parse(object).unwrap();
    let rows = check(&object, &sources).unwrap();
    assert!(!rows.is_empty());
    rows.into_iter()
        .filter(|row| row.outcome != Outcome::Ok)
        .map(|row| (row.to_string(), row.outcome))
        .collect()
}

fn program(body: &str) -> Vec<u8> {
    object_of(&format!(
        "{LOCAL}\nSEC(\"uprobe\") int BPF_UPROBE(p, struct data *d)\n{{\n{body}\nreturn 0;\n}}\n"
    ))
}

/// The program is right in this version.
#[track_caller]
fn right(body: &str, versions: &[&str]) {
    let object = program(body);
    for version in versions {
        let found = outcomes(&object, &[version]);
        assert!(found.is_empty(), "{version}: {found:#?}");
    }
}

/// The program is refused in this version, for this reason only.
#[track_caller]
fn refused(body: &str, version: &str, reason: &Outcome) {
    let found = outcomes(&program(body), &[version]);
    assert!(!found.is_empty(), "{version}: nothing is refused");
    for (row, outcome) in &found {
        assert!(outcome.is_refused(), "{version}: {row}");
        assert_eq!(outcome, reason, "{version}: {row}");
    }
}

/// The program is refused in this version with these words.
#[track_caller]
fn refused_as(body: &str, version: &str, words: &str) {
    let found = outcomes(&program(body), &[version]);
    assert!(!found.is_empty(), "{version}: nothing is refused");
    for (row, outcome) in &found {
        assert!(
            outcome.is_refused() && row.contains(words),
            "{version}: {row}"
        );
    }
}

const fn size(local: u32, target: u32) -> Outcome {
    Outcome::SizeDiffers { local, target }
}

const fn element(local: u32, target: u32) -> Outcome {
    Outcome::ElementSizeDiffers { local, target }
}

const fn count(local: u32, target: u32) -> Outcome {
    Outcome::CountDiffers { local, target }
}

const fn sign(local_signed: bool) -> Outcome {
    Outcome::SignDiffers { local_signed }
}

const PLAIN_A: &str = "int a; PLAIN(a, d, a); sink = a;";
const PLAIN_U: &str = "unsigned u; PLAIN(u, d, u); sink = u;";
const VALUE_A: &str = "sink = VALUE(d, a);";
const VALUE_U: &str = "sink = VALUE(d, u);";

/// Legitimate change: the member moved.
#[test]
fn moved_members_are_right() {
    right(PLAIN_A, &["", MOVED, NESTED]);
    right(VALUE_A, &["", MOVED, NESTED]);
    right(
        "int y; PLAIN(y, d, in.y); sink = y;",
        &["", MOVED, "-DPAIR=long more; int y, x;"],
    );
    right(
        "int w; PLAIN(w, d, items[2].weight); sink = w;",
        &[
            "",
            "-DITEM=long more; int id; long two; int weight;",
            "-DITEMS=struct item items[9];",
        ],
    );
    right(
        "struct data *n; int a; PLAIN(n, d, next); PLAIN(a, n, a); sink = a;",
        &["", MOVED, NESTED],
    );
}

/// Rule 1: numbers of another width.
#[test]
fn widened_and_narrowed_numbers() {
    for version in ["-DA=long a;", "-DA=short a;", "-DA=signed char a;"] {
        assert!(matches!(
            outcomes(&program(PLAIN_A), &[version])[..],
            [(_, Outcome::SizeDiffers { local: 4, .. })]
        ));
        right(VALUE_A, &[version]);
    }
    refused(PLAIN_U, "-DU=unsigned long u;", &size(4, 8));
    refused(PLAIN_U, "-DU=unsigned char u;", &size(4, 1));
    right(VALUE_U, &["-DU=unsigned long u;", "-DU=unsigned char u;"]);
    // There is room for 64 bits.
    for version in ["-DA=__int128 a;", "-DA=__int128 a : 90;"] {
        let found = outcomes(&program(VALUE_A), &[version]);
        assert!(!found.is_empty() && found.iter().all(|(_, outcome)| outcome.is_refused()));
    }
    // The size alone is enough where nothing is to be extended.
    right(
        "__u64 u = 0; SIZED(u, d, u); sink = u;",
        &["-DU=unsigned long u;"],
    );
    refused(
        "__u64 a = 0; SIZED(a, d, a); sink = a;",
        "-DA=long a;",
        &size(4, 8),
    );
    refused(
        "__u64 r; PLAIN(r, d, ratio); sink = r;",
        "-DRATIO=float ratio;",
        &size(8, 4),
    );
    refused(
        "__u64 r = 0; SIZED(r, d, ratio); sink = r;",
        "-DRATIO=float ratio;",
        &size(8, 4),
    );
    refused(
        "enum kind k; PLAIN(k, d, kind); sink = k;",
        "-DKIND=enum kind { ONE, TWO, BIG = 1L << 40 };",
        &size(4, 8),
    );
    right(
        "sink = VALUE(d, kind);",
        &["-DKIND=enum kind { ONE, TWO, BIG = 1L << 40 };"],
    );
}

/// Rule 1: signs, and numbers that are no bools.
#[test]
fn other_signs_and_bools() {
    refused(PLAIN_A, "-DA=unsigned a;", &sign(true));
    refused(PLAIN_U, "-DU=int u;", &sign(false));
    right(VALUE_A, &["-DA=unsigned a;", "-DA=unsigned long a;"]);
    right(VALUE_U, &["-DU=int u;", "-DU=long u;"]);
    refused(
        "__u64 a = 0; SIZED(a, d, a); sink = a;",
        "-DA=unsigned a;",
        &sign(true),
    );
    refused(
        "enum kind k; PLAIN(k, d, kind); sink = k;",
        "-DKIND=enum kind { ONE = -1, TWO };",
        &sign(false),
    );
    refused(
        "_Bool on; PLAIN(on, d, on); sink = on;",
        "-DON=unsigned char on;",
        &Outcome::BoolDiffers,
    );
    right(
        "sink = VALUE(d, on);",
        &[
            "-DON=unsigned char on;",
            "-DON=int on;",
            "-DON=unsigned on : 3;",
        ],
    );
    // A bool is a good number.
    right(
        "unsigned char b; PLAIN(b, d, byte); sink = b;",
        &["-DBYTE=_Bool byte;"],
    );
}

/// What libbpf itself takes for another member: the program is not refused, as the access may be
/// guarded, but the member counts as missing.
#[test]
fn members_of_another_nature_are_missing() {
    for (body, version) in [
        (PLAIN_A, "-DA=void *a;"),
        (PLAIN_A, "-DA=enum kind a;"),
        (PLAIN_A, "-DA=struct { int i; } a;"),
        (PLAIN_A, "-DA=float a;"),
        (PLAIN_A, "-DA=int a[1];"),
        (
            "void *n; PLAIN(n, d, next); sink = (__u64)n;",
            "-DNEXT=long next;",
        ),
        (
            "enum kind k; PLAIN(k, d, kind); sink = k;",
            "-DKINDM=int kind;",
        ),
        (
            "enum kind k; PLAIN(k, d, kind); sink = k;",
            "-DKINDM=enum other_kind { O } kind;",
        ),
    ] {
        let found = outcomes(&program(body), &[version]);
        let [(row, Outcome::NatureDiffers { .. })] = &found[..] else {
            panic!("{version}: {found:#?}");
        };
        assert!(row.contains("the program expects"), "{row}");
    }
}

/// The address of a struct is no copy of it, though the member that is read there, if the program
/// finds it, is one that the application does not have.
#[test]
fn missing_members_of_embedded_structs() {
    for body in [
        "struct pair *in = &d->in; if (bpf_core_field_exists(in->y)) sink = VALUE(in, y);",
        "struct pair *in = &d->in; int y;
         if (bpf_core_field_exists(in->y)) { PLAIN(y, in, y); sink = y; }",
        "struct item *third = &d->items[2];
         if (bpf_core_field_exists(third->weight)) sink = VALUE(third, weight);",
    ] {
        for version in ["-DPAIR=int x;", "-DITEM=long id;"] {
            for (row, outcome) in outcomes(&program(body), &[version]) {
                assert!(!outcome.is_refused(), "{version}: {row}");
            }
        }
    }
}

/// Rule 1: what pointers lead to.
#[test]
fn pointers_to_other_things() {
    let number = "int *n; PLAIN(n, d, number); sink = (__u64)n;";
    refused_as(
        number,
        "-DNUMBER=long *number;",
        "points to long int, the program expects int",
    );
    refused_as(
        number,
        "-DNUMBER=unsigned *number;",
        "points to unsigned int",
    );
    refused_as(
        number,
        "-DNUMBER=struct pair *number;",
        "points to struct pair",
    );
    refused_as(number, "-DNUMBER=int **number;", "points to pointer");
    right(
        number,
        &["-DNUMBER=const int *number;", "-DNUMBER=void *number;"],
    );

    let next = "struct data *n; PLAIN(n, d, next); sink = (__u64)n;";
    refused_as(
        next,
        "-DNEXT=struct other *next;",
        "points to struct other, the program expects struct data",
    );
    refused_as(next, "-DNEXT=char *next;", "points to char");
    right(
        next,
        &[
            "-DNEXT=const struct data *next;",
            "-DNEXT=struct data___two *next;",
            "-DNEXT=void *next;",
            "-DNEXT=struct { int a; } *next;",
            MOVED,
        ],
    );
    let text = "char *t; PLAIN(t, d, text); sink = (__u64)t;";
    right(
        text,
        &["-DTEXT=unsigned char *text;", "-DTEXT=const char *text;"],
    );
    refused_as(text, "-DTEXT=short *text;", "points to short");
    right(
        "void *t; PLAIN(t, d, any); sink = (__u64)t;",
        &["-DANY=struct pair *any;"],
    );
}

/// Rule 2.
#[test]
fn bitfields() {
    right(
        "sink = VALUE(d, bits); sink = VALUE(d, more);",
        &[
            "",
            "-DBITS=unsigned zero : 9, bits : 5, more : 3;",
            "-DBITS=unsigned bits, more;",
            "-DBITS=int bits : 7; long more : 40;",
            MOVED,
        ],
    );
    right(
        VALUE_A,
        &["-DA=int before : 3, a : 20;", "-DA=unsigned a : 3;"],
    );
    refused(PLAIN_A, "-DA=int a : 20;", &Outcome::BitfieldDiffers);
    refused(
        "sink = __builtin_preserve_access_index(({ d->bits; }));",
        "-DBITS=unsigned zero : 9, bits : 5, more : 3;",
        &Outcome::BitfieldDiffers,
    );
}

/// Rule 2: a plain read of a storage unit is right wherever the unit is, if the bits in it are the
/// same.
#[test]
fn storage_units_that_moved() {
    // What clang makes of `d->bits` on a copy, and what a program does that shifts by itself.
    let load = "sink = __builtin_preserve_access_index(({ d->bits; }));";
    let copy = "unsigned u; bpf_probe_read_user(&u, sizeof(u), \
                (void *)d + INFO(d, bits, BYTE_OFFSET)); sink = u & 31;";
    let byte = "unsigned char u; bpf_probe_read_user(&u, sizeof(u), \
                (void *)d + INFO(d, bits, BYTE_OFFSET)); sink = u & 31;";
    for body in [load, copy, byte] {
        right(
            body,
            &[
                "",
                MOVED,
                NESTED,
                "-DBITS=unsigned bits : 5, other : 9;",
                "-DBITS=struct { unsigned bits : 5; };",
            ],
        );
        for version in [
            "-DBITS=unsigned zero : 9, bits : 5, more : 3;",
            "-DBITS=unsigned bits : 6;",
            "-DBITS=unsigned bits;",
            "-DBITS=unsigned char bits : 5, more : 3;",
        ] {
            refused(body, version, &Outcome::BitfieldDiffers);
        }
        refused(body, "-DBITS=int bits : 5, more : 3;", &sign(false));
    }
    // A copy of the struct on the stack ends where the local struct does.
    refused_as(load, "-DFIRST=long first[100];", "copy of the struct has");
    // The unit and what stands behind it.
    let more = "struct { unsigned u; void *next; } v; bpf_probe_read_user(&v, sizeof(v), \
                (void *)d + INFO(d, bits, BYTE_OFFSET)); sink = v.u & 31;";
    right(more, &["", MOVED]);
    refused_as(
        more,
        "-DNEXT=long other; struct data *next;",
        "has member `next` elsewhere",
    );
}

/// Rule 3: arrays as a whole, and strings.
#[test]
fn whole_arrays() {
    let grid = "int g[4]; PLAIN(g, d, grid); sink = g[2];";
    right(grid, &["", MOVED]);
    refused(grid, "-DGRID=int grid[8];", &count(4, 8));
    refused(grid, "-DGRID=int grid[2];", &count(4, 2));
    refused(grid, "-DGRID=long grid[4];", &element(4, 8));
    refused(grid, "-DGRID=unsigned grid[4];", &sign(true));
    refused(grid, "-DGRID=short grid[8];", &element(4, 2));
    // A part that both have.
    let part = "int g[2]; bpf_probe_read_user(g, sizeof(g), &d->grid); sink = g[1];";
    right(part, &["-DGRID=int grid[8];", "-DGRID=int grid[2];"]);
    refused(part, "-DGRID=int grid[1];", &count(4, 1));
    // With the target's size.
    right(
        "int g[16] = {}; SIZED(g, d, grid); sink = g[2];",
        &["-DGRID=int grid[8];", "-DGRID=int grid[2];"],
    );
    refused(
        "int g[16] = {}; SIZED(g, d, grid); sink = g[2];",
        "-DGRID=long grid[4];",
        &element(4, 8),
    );

    let bytes = "char n[16]; PLAIN(n, d, name); sink = n[3];";
    right(bytes, &["-DNAME=unsigned char name[16];"]);
    refused(bytes, "-DNAME=char name[32];", &count(16, 32));
    refused(bytes, "-DNAME=short name[16];", &element(1, 2));
}

/// Rule 3: string copies end at the NUL.
#[test]
fn strings() {
    let same = "char n[16]; bpf_probe_read_user_str(n, sizeof(n), d->name); sink = n[3];";
    right(same, &["", MOVED, "-DNAME=unsigned char name[16];"]);
    refused(same, "-DNAME=char name[32];", &count(16, 32));
    refused(same, "-DNAME=char name[8];", &count(16, 8));
    let room = "char n[64]; bpf_probe_read_user_str(n, sizeof(n), d->name); sink = n[3];";
    right(
        room,
        &[
            "",
            "-DNAME=char name[32];",
            "-DNAME=char name[64];",
            "-DNAME=char name[8];",
        ],
    );
    refused(room, "-DNAME=char name[65];", &count(16, 65));
    refused(room, "-DNAME=short name[16];", &element(1, 2));
    let sized = "char n[64]; __u32 z = sizeof(n); \
         if (z > INFO(d, name, BYTE_SIZE) + 1) z = INFO(d, name, BYTE_SIZE) + 1; \
         bpf_probe_read_user_str(n, z, d->name); sink = n[3];";
    right(sized, &["-DNAME=char name[8];", "-DNAME=char name[200];"]);
}

/// Rules 3 and 6: elements by index.
#[test]
fn indexed_elements() {
    let item = "int w; __u32 i = sink & 3; PLAIN(w, d, items[i].weight); sink = w;";
    right(
        item,
        &[
            "",
            MOVED,
            "-DITEM=int weight; int id;",
            "-DITEMS=struct item items[9];",
        ],
    );
    refused(item, "-DITEM=long more; int id, weight;", &element(8, 16));
    refused(item, "-DITEMS=struct item items[2];", &count(4, 2));

    let unrolled = "for (int i = 0; i < 4; i++) { int w; PLAIN(w, d, items[i].weight); sink = w; }";
    right(unrolled, &["", MOVED]);
    refused(
        unrolled,
        "-DITEM=long more; int id, weight;",
        &element(8, 16),
    );
    refused(unrolled, "-DITEMS=struct item items[2];", &count(4, 2));

    let steps = "struct item *it = d->items;\n#pragma nounroll\n\
         for (int i = 0; i < 4; i++, it++) { int w; PLAIN(w, it, weight); sink = w; }";
    right(steps, &["", MOVED]);
    refused(steps, "-DITEM=long more; int id, weight;", &element(8, 16));

    let at = "\n#pragma nounroll\n\
         for (int i = 0; i < 4; i++) { int w; struct item *it = AT(&d->items[0], i); \
         PLAIN(w, it, weight); sink = w; }";
    right(
        at,
        &[
            "",
            MOVED,
            "-DITEM=long more; int id, weight;",
            "-DITEMS=struct item items[9];",
        ],
    );
    refused(at, "-DITEMS=struct item items[2];", &count(4, 2));

    let first = "int w; struct item *it = d->items; PLAIN(w, it, weight); sink = w;";
    right(
        first,
        &[
            "-DITEM=long more; int id, weight;",
            "-DITEMS=struct item items[2];",
        ],
    );

    let number = "int g; PLAIN(g, d, grid[sink & 3]); sink = g;";
    right(number, &["", MOVED, "-DGRID=int grid[8];"]);
    refused(number, "-DGRID=long grid[4];", &element(4, 8));
    refused(number, "-DGRID=int grid[2];", &count(4, 2));
    let byte = "char c; PLAIN(c, d, name[sink & 15]); sink = c;";
    right(byte, &["", "-DNAME=char name[32];"]);
    refused(byte, "-DNAME=char name[8];", &count(16, 8));
}

/// Rule 6: arrays behind pointers.
#[test]
fn pointer_arithmetic() {
    for step in [
        "struct item *it = h + (sink & 7);",
        "struct item *it = h + 1;",
        "struct item *it = h + 3;",
        "struct item *it = &h[sink];",
        "struct item *it = h - 1;",
    ] {
        let body = format!(
            "struct item *h; PLAIN(h, d, heap); int w; {step} PLAIN(w, it, weight); sink = w;"
        );
        right(&body, &["", MOVED, "-DITEM=int weight; int id;"]);
        refused(&body, "-DITEM=long more; int id, weight;", &element(8, 16));
    }
    let constant = "struct item *h; PLAIN(h, d, heap); int w; PLAIN(w, h, weight); sink = w; \
         bpf_probe_read_user(&w, sizeof(w), &h[2].weight); sink = w;";
    right(constant, &["-DITEM=long more; int id, weight;"]);
    let at = "struct item *h; PLAIN(h, d, heap); int w; struct item *it = AT(h, sink & 7); \
         PLAIN(w, it, weight); sink = w;";
    right(at, &["", "-DITEM=long more; int id, weight;"]);
    let list = "struct data *n = d;\n#pragma nounroll\n\
         for (int i = 0; i < 8 && n; i++) { struct data *m; PLAIN(m, n, next); n = m; } \
         sink = (__u64)n;";
    right(
        list,
        &["", MOVED, NESTED, "-DITEM=long more; int id, weight;"],
    );
}

/// Rule 6: bytes counted by hand.
#[test]
fn byte_arithmetic() {
    let next_to = "int u; bpf_probe_read_user(&u, sizeof(u), (char *)&d->a + 4); sink = u;";
    right(next_to, &[""]);
    refused_as(next_to, "-DU=long between; unsigned u;", "counting bytes");
    let container = "struct item *h; int a; PLAIN(h, d, heap); \
         struct data *c = (void *)h - __builtin_offsetof(struct data, items); \
         PLAIN(a, c, last); sink = a;";
    right(container, &[""]);
    refused_as(container, MOVED, "counting bytes");
}

/// Rule 4.
#[test]
fn structs_by_value() {
    let pair = "struct pair c; PLAIN(c, d, in); sink = ((int *)&c)[1];";
    right(pair, &["", MOVED]);
    refused(pair, "-DPAIR=int x, y, z;", &size(8, 12));
    refused_as(pair, "-DPAIR=int y, x;", "has member `x` elsewhere");
    refused_as(pair, "-DPAIR=int x; unsigned y;", "has member `y`");
    refused_as(pair, "-DPAIR=int x, z;", "has no member `y`");
    // Its address alone.
    let through = "int y; struct pair *p = &d->in; PLAIN(y, p, y); sink = y;";
    right(
        through,
        &["", "-DPAIR=long more; int y, x;", "-DPAIR=int y, x;"],
    );
    // Both in one function are told apart.
    let both = format!("{through} {pair}");
    right(&both, &["", MOVED]);
    refused(&both, "-DPAIR=int x, y, z;", &size(8, 12));
    // With the target's size, the members are read from the copy.
    let copied = "struct { struct pair p; char room[64]; } c; \
         bpf_probe_read_user(&c, bpf_core_type_size(struct pair), &d->in); sink = c.p.y;";
    right(copied, &["", "-DPAIR=long more; int y, x;"]);
}

/// Rule 5.
#[test]
fn several_members_at_once() {
    let two = "int v[2]; bpf_probe_read_user(v, sizeof(v), &d->a); sink = v[1];";
    right(two, &["", MOVED, "-DS=long s;"]);
    refused_as(
        two,
        "-DU=long between; unsigned u;",
        "has member `u` elsewhere",
    );
    refused_as(two, "-DU=int u;", "has member `u`");
    refused_as(two, NESTED, "has member `u` elsewhere");
}

/// Rule 7: a copy of the struct on the stack.
#[test]
fn copies_of_the_struct() {
    let copy = "struct data c; bpf_probe_read_user(&c, sizeof(c), d);";
    let a = format!("{copy} sink = c.a;");
    right(&a, &["", MOVED, "-DPAIR=int more, x, y;"]);
    refused(&a, "-DA=unsigned a;", &sign(true));
    refused(&a, "-DA=long a;", &size(4, 8));
    let last = format!("{copy} sink = c.last;");
    right(&last, &[""]);
    refused_as(
        &last,
        "-DPAIR=int more[9], x, y;",
        "the program's copy of the struct has",
    );
    let wide = format!("{copy} sink = c.wide;");
    right(&wide, &["", "-DWIDE=unsigned wide;"]);
    let through = format!("{copy} struct pair *p = &c.in; sink = p->y;");
    right(&through, &["", MOVED, "-DPAIR=int y, x;"]);
    refused(&through, "-DPAIR=int x; unsigned y;", &sign(true));
    let by_hand = format!("{copy} sink = *(int *)((void *)&c + INFO(&c, a, BYTE_OFFSET));");
    right(&by_hand, &["", MOVED]);
    refused(&by_hand, "-DA=long a;", &size(4, 8));
    let bits = format!("{copy} sink = BPF_CORE_READ_BITFIELD(&c, more);");
    right(
        &bits,
        &["", "-DBITS=unsigned zero : 9, bits : 5, more : 3;"],
    );
    let bits = format!("{copy} sink = c.more;");
    refused(
        &bits,
        "-DBITS=unsigned zero : 9, bits : 5, more : 3;",
        &Outcome::BitfieldDiffers,
    );
}

/// The number is read right; what it means is another matter, which is told and not refused.
#[test]
fn renumbered_enums() {
    let plain = "enum kind k; PLAIN(k, d, kind); sink = k == TWO;";
    right(
        plain,
        &[
            "-DKIND=enum kind { ONE, TWO, THREE };",
            "-DKIND=enum kind { ONE };",
        ],
    );
    for (version, name) in [
        ("-DKIND=enum kind { ZERO, ONE, TWO };", "ONE"),
        ("-DKIND=enum kind { ONE, OTHER };", "TWO"),
    ] {
        let found = outcomes(&program(plain), &[version]);
        let name = name.to_owned();
        assert_eq!(found[0].1, Outcome::EnumeratorsDiffer { name });
        assert!(!found[0].1.is_refused());
        let asks = format!("{plain} sink = bpf_core_enum_value(enum kind, TWO);");
        right(&asks, &["-DKIND=enum kind { ZERO, ONE, TWO };"]);
    }
}

/// Two definitions of one name may agree in the place of a member, and differ in what is there.
#[test]
fn every_definition_counts() {
    let object = program(PLAIN_A);
    let object = BpfObject::parse(&object).unwrap();
    for (second, refused) in [("", None), ("-DA=long a;", Some(size(4, 8)))] {
        let flags: Vec<&str> = [second].into_iter().filter(|f| !f.is_empty()).collect();
        let app = [types_of(TARGET, &[]), types_of(TARGET, &flags)];
        let app = parse(&app);
        let sources = Sources {
            app: &app,
            kernel: &[],
        };
        let row = &check(&object, &sources).unwrap()[0];
        assert_eq!(row.outcome, refused.unwrap_or(Outcome::Ok), "{row}");
    }
}

/// The flow is followed through branches, spills and calls, and two reads of one member are told
/// apart.
#[test]
fn plain_and_sized_reads_of_one_member_are_told_apart() {
    let both = format!("{VALUE_A} {PLAIN_A}");
    right(&both, &["", MOVED]);
    let found = outcomes(&program(&both), &["-DA=long a;"]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].1, size(4, 8));

    let branches = "int a; if (sink) { PLAIN(a, d, a); } else { a = VALUE(d, a); } sink = a;";
    let found = outcomes(&program(branches), &["-DA=long a;"]);
    assert_eq!(found.len(), 1, "{found:#?}");
}

/// A relocated address that goes where it is not followed counts as read whole, unless it is a
/// struct's.
#[test]
fn addresses_that_go_elsewhere() {
    let sub = |argument: &str| {
        object_of(&format!(
            "{LOCAL}\nstatic __attribute__((noinline)) int sub(void *p) {{ int v = 0; \
             bpf_probe_read_user(&v, sizeof(v), p); return v; }}\n\
             SEC(\"uprobe\") int BPF_UPROBE(p, struct data *d) {{ return sub({argument}); }}\n"
        ))
    };
    assert_eq!(outcomes(&sub("&d->a"), &[MOVED]), []);
    assert_eq!(outcomes(&sub("&d->a"), &["-DA=long a;"])[0].1, size(4, 8));
    assert_eq!(
        outcomes(&sub("&d->in"), &["-DPAIR=long more; int x, y;"]),
        []
    );
    assert_eq!(
        outcomes(&sub("d->grid"), &["-DGRID=long grid[4];"])[0].1,
        element(4, 8)
    );
}
