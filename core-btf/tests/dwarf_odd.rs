//! Debug information that compilers make of other languages, old compilers made, or none makes.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod assembler;

use core_btf::dwarf::{Error, Extraction, Options, Problem, extract};
use core_btf::{Btf, BtfBuf, Type, TypeId};
use gimli::constants as dw;

use assembler::{Attr, Unit};

fn types(object: &[u8]) -> Extraction {
    let found = extract(object, &Options::default()).unwrap();
    // Whatever was in the object, the result is BTF.
    let bytes = found.btf.encode(found.endian).unwrap();
    let decoded = Btf::parse(&bytes).unwrap();
    assert_eq!(decoded.len(), found.btf.len());
    found
}

fn rooted(object: &[u8], root: &str) -> Result<Extraction, Error> {
    let options = Options {
        roots: vec![root.to_owned()],
        ..Options::default()
    };
    extract(object, &options)
}

/// The types with a name, in words.
fn spell(btf: &BtfBuf) -> Vec<String> {
    let named = btf.types().iter().filter(|ty| !ty.name().is_anonymous());
    named.map(|ty| spell_type(btf, ty)).collect()
}

fn spell_type(btf: &BtfBuf, ty: &Type) -> String {
    let to = |id: TypeId| {
        btf.get(id).map_or("void".to_owned(), |ty| match ty {
            Type::Composite { name, .. } if !name.is_anonymous() => btf.name(*name).to_owned(),
            ty => spell_type(btf, ty),
        })
    };
    let name = btf.name(ty.name());
    match ty {
        Type::Composite {
            kind,
            size_bytes,
            members,
            ..
        } => {
            let members = members.iter().map(|it| {
                let bits = match it.bitfield_bits {
                    0 => String::new(),
                    bits => format!(":{bits}"),
                };
                format!(
                    "{} {}{bits}@{}",
                    to(it.ty),
                    btf.name(it.name),
                    it.offset_bits
                )
            });
            let members: Vec<_> = members.collect();
            format!("{kind:?} {name} {size_bytes} {{{}}}", members.join(", ")).to_lowercase()
        }
        Type::Enum { signed, values, .. } => {
            let values = values
                .iter()
                .map(|it| format!("{}={}", btf.name(it.name), it.value));
            let values: Vec<_> = values.collect();
            let sign = if *signed { "signed" } else { "unsigned" };
            format!("{sign} {:?} {name} {{{}}}", ty.kind(), values.join(", ")).to_lowercase()
        }
        Type::Ptr(id) => format!("*{}", to(*id)),
        Type::Const(id) => format!("const {}", to(*id)),
        Type::Array { element, len, .. } => format!("[{len}]{}", to(*element)),
        Type::Typedef { ty, .. } => format!("typedef {name} {}", to(*ty)),
        Type::Func { proto, .. } => format!("func {name} {}", to(*proto)),
        Type::FuncProto { returns, params } => {
            let params: Vec<_> = params.iter().map(|it| to(it.ty)).collect();
            format!("({}) {}", params.join(", "), to(*returns))
        }
        _ => name.to_owned(),
    }
}

/// What is not understood keeps its size; only a root that contains it is an error.
#[test]
fn types_without_counterpart() {
    let mut unit = Unit::new();
    unit.leaf(
        "set",
        dw::DW_TAG_set_type,
        &[Attr::Name("set"), Attr::Size(4)],
    );
    unit.leaf("pointer", dw::DW_TAG_pointer_type, &[Attr::Type("set")]);
    unit.open(
        "holds",
        dw::DW_TAG_structure_type,
        &[Attr::Name("holds"), Attr::Size(4)],
    );
    unit.leaf(
        "",
        dw::DW_TAG_member,
        &[Attr::Name("s"), Attr::Type("set"), Attr::At(0)],
    );
    unit.close();
    unit.open(
        "points",
        dw::DW_TAG_structure_type,
        &[Attr::Name("points"), Attr::Size(8)],
    );
    unit.leaf(
        "",
        dw::DW_TAG_member,
        &[Attr::Name("p"), Attr::Type("pointer"), Attr::At(0)],
    );
    unit.close();
    let object = unit.object();

    let found = types(&object);
    assert_eq!(
        spell(&found.btf),
        [
            "int",
            "struct set 4 {}",
            "struct holds 4 {set s@0}",
            "struct points 8 {*set p@0}"
        ]
    );
    let [warning] = &found.warnings[..] else {
        panic!("{:?}", found.warnings);
    };
    assert_eq!(warning.problem, Problem::Tag(dw::DW_TAG_set_type));
    assert_eq!(
        warning.to_string(),
        ".debug_info at offset 0x19: DW_TAG_set_type has no counterpart in BTF"
    );

    assert!(rooted(&object, "points").is_ok());
    for root in ["set", "holds"] {
        let expected = Error::Unsupported {
            root: root.to_owned(),
            warning: Box::new(warning.clone()),
        };
        assert_eq!(rooted(&object, root).unwrap_err(), expected);
    }
}

#[test]
fn base_types() {
    let mut unit = Unit::new();
    for (name, size, encoding) in [
        ("odd", 3, dw::DW_ATE_signed),
        ("decimal", 8, dw::DW_ATE_decimal_float),
        ("extended", 10, dw::DW_ATE_float),
        ("half", 2, dw::DW_ATE_float),
        ("nothing", 0, dw::DW_ATE_unsigned),
        ("wide_bool", 4, dw::DW_ATE_boolean),
        ("char32_t", 4, dw::DW_ATE_UTF),
        // Only conversions in location expressions use these.
        ("DW_ATE_unsigned_24", 3, dw::DW_ATE_unsigned),
        ("__ARRAY_SIZE_TYPE__", 8, dw::DW_ATE_unsigned),
    ] {
        let encoding = u32::from(encoding.0);
        let encoding = Attr::Number(dw::DW_AT_encoding, encoding);
        unit.leaf(
            "",
            dw::DW_TAG_base_type,
            &[Attr::Name(name), Attr::Size(size), encoding],
        );
    }
    unit.leaf(
        "",
        dw::DW_TAG_base_type,
        &[
            Attr::Name("_BitInt(37)"),
            Attr::Size(8),
            Attr::Number(dw::DW_AT_bit_size, 37),
            Attr::Number(dw::DW_AT_encoding, 5),
        ],
    );
    let found = types(&unit.object());
    assert_eq!(
        spell(&found.btf),
        [
            "int",
            "struct odd 3 {}",
            "struct decimal 8 {}",
            "struct extended 10 {}",
            "half",
            "struct nothing 0 {}",
            "wide_bool",
            "char32_t",
            "_BitInt(37)"
        ]
    );
    assert_eq!(found.warnings.len(), 4);
    let last = found.btf.types().last().unwrap();
    assert!(
        matches!(
            last,
            Type::Int {
                size_bytes: 8,
                bits: 37,
                ..
            }
        ),
        "{last:?}"
    );
}

/// What spoils a struct leaves its size.
#[test]
fn members_that_cannot_be_placed() {
    let mut unit = Unit::new();
    let mut one = |name: &str, size, attrs: &[Attr<'_>]| {
        unit.open(
            "",
            dw::DW_TAG_structure_type,
            &[Attr::Name(name), Attr::Size(size)],
        );
        let attrs = [&[Attr::Name("m"), Attr::Type("int")], attrs].concat();
        unit.leaf("", dw::DW_TAG_member, &attrs);
        unit.close();
    };
    let location = dw::DW_AT_data_member_location;
    // DW_OP_plus_uconst 12; DW_OP_dup, DW_OP_deref.
    one(
        "simple",
        16,
        &[Attr::Raw(location, dw::DW_FORM_block1, ".byte 2, 0x23, 12")],
    );
    one(
        "computed",
        16,
        &[Attr::Raw(
            location,
            dw::DW_FORM_exprloc,
            ".byte 2, 0x12, 0x06",
        )],
    );
    one("far", 16, &[Attr::At(0x2000_0000)]);
    one("negative", 16, &[Attr::Signed(location, -4)]);
    one(
        "far_bits",
        16,
        &[
            Attr::Number(dw::DW_AT_bit_size, 3),
            Attr::Number(dw::DW_AT_data_bit_offset, 1 << 24),
        ],
    );
    one("no_bits", 16, &[Attr::Number(dw::DW_AT_bit_size, 0)]);
    one("wide_bits", 16, &[Attr::Number(dw::DW_AT_bit_size, 129)]);
    one(
        "before",
        16,
        &[
            Attr::Size(4),
            Attr::Number(dw::DW_AT_bit_size, 3),
            Attr::Number(dw::DW_AT_bit_offset, 30),
        ],
    );
    unit.open(
        "",
        dw::DW_TAG_structure_type,
        &[Attr::Name("variants"), Attr::Size(16)],
    );
    unit.open("", dw::DW_TAG_variant_part, &[]);
    unit.open("", dw::DW_TAG_variant, &[]);
    unit.leaf(
        "",
        dw::DW_TAG_member,
        &[Attr::Name("m"), Attr::Type("int"), Attr::At(0)],
    );
    unit.close();
    unit.close();
    unit.close();
    let found = types(&unit.object());
    let expected = [
        "int",
        "struct simple 16 {int m@96}",
        "struct computed 16 {}",
        "struct far 16 {}",
        "struct negative 16 {}",
        "struct far_bits 16 {}",
        "struct no_bits 16 {}",
        "struct wide_bits 16 {}",
        "struct before 16 {}",
        "struct variants 16 {}",
    ];
    assert_eq!(spell(&found.btf), expected);
    let problems: Vec<_> = found.warnings.iter().map(|it| it.problem).collect();
    assert_eq!(
        problems,
        [
            Problem::Attribute(location),
            Problem::Limit("offset of a member"),
            Problem::Attribute(location),
            Problem::Limit("offset of a bitfield"),
            Problem::Attribute(dw::DW_AT_bit_size),
            Problem::Attribute(dw::DW_AT_bit_size),
            Problem::Attribute(dw::DW_AT_bit_offset),
            Problem::Tag(dw::DW_TAG_variant_part),
        ]
    );
}

fn old_bitfields() -> Unit {
    let mut unit = Unit::new();
    unit.open(
        "",
        dw::DW_TAG_structure_type,
        &[Attr::Name("s"), Attr::Size(8)],
    );
    for (name, at, bits, from_top) in [("a", 0, 3, 29), ("b", 0, 7, 22), ("c", 4, 32, 0)] {
        unit.leaf(
            "",
            dw::DW_TAG_member,
            &[
                Attr::Name(name),
                Attr::Type("number"),
                Attr::At(at),
                Attr::Number(dw::DW_AT_bit_size, bits),
                Attr::Number(dw::DW_AT_bit_offset, from_top),
            ],
        );
    }
    unit.close();
    unit.leaf(
        "number",
        dw::DW_TAG_typedef,
        &[Attr::Name("number"), Attr::Type("int")],
    );
    unit
}

/// DWARF 2 lets the size of a bitfield's storage unit be that of its type, which may come later.
#[test]
fn bitfields_without_storage_size() {
    let little = types(&old_bitfields().object());
    assert_eq!(
        spell(&little.btf),
        [
            "int",
            "struct s 8 {typedef number int a:3@0, typedef number int b:7@3, typedef number int c:32@32}",
            "typedef number int"
        ]
    );
    let big = types(&old_bitfields().big_endian());
    assert_eq!(
        spell(&big.btf),
        [
            "int",
            "struct s 8 {typedef number int b:7@22, typedef number int a:3@29, typedef number int c:32@32}",
            "typedef number int"
        ]
    );
    assert_eq!((little.warnings, big.warnings), (vec![], vec![]));
}

#[test]
fn references_to_no_type() {
    let mut unit = Unit::new();
    let nowhere = |at| Attr::Raw(at, dw::DW_FORM_ref4, ".4byte 0x1234");
    let signature = |at| Attr::Raw(at, dw::DW_FORM_ref_sig8, ".8byte 0x1234");
    unit.leaf(
        "",
        dw::DW_TAG_typedef,
        &[Attr::Name("t"), nowhere(dw::DW_AT_type)],
    );
    unit.leaf(
        "",
        dw::DW_TAG_typedef,
        &[Attr::Name("u"), signature(dw::DW_AT_type)],
    );
    unit.leaf(
        "",
        dw::DW_TAG_typedef,
        &[Attr::Name("v"), Attr::Type("root")],
    );
    unit.leaf("one", dw::DW_TAG_atomic_type, &[Attr::Type("two")]);
    unit.leaf("two", dw::DW_TAG_atomic_type, &[Attr::Type("one")]);
    unit.leaf(
        "",
        dw::DW_TAG_typedef,
        &[Attr::Name("w"), Attr::Type("two")],
    );
    let object = unit.object();
    let found = types(&object);
    assert_eq!(
        spell(&found.btf),
        [
            "int",
            "typedef t struct  0 {}",
            "typedef u struct  0 {}",
            "typedef v struct  0 {}",
            "typedef w struct  0 {}"
        ]
    );
    assert!(found.warnings.len() >= 4, "{:?}", found.warnings);
    for root in ["t", "u", "v", "w"] {
        let error = rooted(&object, root).unwrap_err();
        assert!(
            matches!(error, Error::Unsupported { .. }),
            "{root}: {error}"
        );
    }
}

/// Sizes and declarations of such types cannot be computed, so no BTF is made of them.
#[test]
fn types_that_contain_themselves() {
    let members = |unit: &mut Unit, name: &str, of: &str| {
        unit.open(
            name,
            dw::DW_TAG_structure_type,
            &[Attr::Name(name), Attr::Size(4)],
        );
        unit.leaf(
            "",
            dw::DW_TAG_member,
            &[Attr::Name("m"), Attr::Type(of), Attr::At(0)],
        );
        unit.close();
    };
    let mut direct = Unit::new();
    members(&mut direct, "a", "a");
    let mut through = Unit::new();
    members(&mut through, "a", "b");
    members(&mut through, "b", "c");
    through.leaf("c", dw::DW_TAG_typedef, &[Attr::Name("c"), Attr::Type("d")]);
    through.open("d", dw::DW_TAG_array_type, &[Attr::Type("a")]);
    through.close();
    let mut names = Unit::new();
    names.leaf("a", dw::DW_TAG_typedef, &[Attr::Name("a"), Attr::Type("b")]);
    names.leaf("b", dw::DW_TAG_const_type, &[Attr::Type("a")]);
    for unit in [direct, through, names] {
        let error = extract(&unit.object(), &Options::default()).unwrap_err();
        assert!(matches!(error, Error::Recursive { .. }), "{error}");
    }
    let mut pointer = Unit::new();
    members(&mut pointer, "a", "b");
    pointer.leaf("b", dw::DW_TAG_pointer_type, &[Attr::Type("a")]);
    let found = types(&pointer.object());
    assert_eq!(spell(&found.btf), ["int", "struct a 4 {*a m@0}"]);
}

#[test]
fn lengths_of_arrays() {
    let upper = dw::DW_AT_upper_bound;
    let mut unit = Unit::new();
    let mut one = |name: &str, bounds: &[Attr<'_>]| {
        unit.leaf(
            "",
            dw::DW_TAG_typedef,
            &[Attr::Name(name), Attr::Type(name)],
        );
        unit.open(name, dw::DW_TAG_array_type, &[Attr::Type("int")]);
        unit.leaf("", dw::DW_TAG_subrange_type, bounds);
        unit.close();
    };
    one("plain", &[Attr::Number(upper, 4)]);
    one("count", &[Attr::Number(dw::DW_AT_count, 4)]);
    one(
        "from_one",
        &[
            Attr::Number(dw::DW_AT_lower_bound, 1),
            Attr::Number(upper, 4),
        ],
    );
    one("flexible", &[]);
    one("zero", &[Attr::Signed(upper, -1)]);
    one("old_zero", &[Attr::Number(upper, u32::MAX)]);
    one(
        "wide_zero",
        &[Attr::Raw(upper, dw::DW_FORM_data8, ".8byte -1")],
    );
    one(
        "variable",
        &[Attr::Raw(upper, dw::DW_FORM_exprloc, ".byte 1, 0x12")],
    );
    one("counted", &[Attr::Ref(dw::DW_AT_count, "int")]);
    let lower = dw::DW_AT_lower_bound;
    one(
        "from_variable",
        &[
            Attr::Raw(lower, dw::DW_FORM_exprloc, ".byte 1, 0x12"),
            Attr::Number(upper, 4),
        ],
    );
    one(
        "huge",
        &[Attr::Raw(upper, dw::DW_FORM_udata, ".uleb128 0x100000000")],
    );
    let found = types(&unit.object());
    assert_eq!(
        spell(&found.btf),
        [
            "int",
            "typedef plain [5]int",
            "typedef count [4]int",
            "typedef from_one [4]int",
            "typedef flexible [0]int",
            "typedef zero [0]int",
            "typedef old_zero [0]int",
            "typedef wide_zero [0]int",
            "typedef variable [0]int",
            "typedef counted [0]int",
            "typedef from_variable struct  0 {}",
            "typedef huge [0]int",
        ]
    );
    let problems: Vec<_> = found.warnings.iter().map(|it| it.problem).collect();
    let expected = [
        Problem::Attribute(lower),
        Problem::Limit("number of elements"),
    ];
    assert_eq!(problems, expected);
}

#[test]
fn values_of_enums() {
    let value = dw::DW_AT_const_value;
    let mut unit = Unit::new();
    let mut one = |attrs: &[Attr<'_>], values: &[Attr<'_>]| {
        unit.open("", dw::DW_TAG_enumeration_type, attrs);
        for &value in values {
            unit.leaf("", dw::DW_TAG_enumerator, &[Attr::Name("v"), value]);
        }
        unit.close();
    };
    let byte = |text| Attr::Raw(value, dw::DW_FORM_data1, text);
    let plain = [Attr::Name("plain"), Attr::Size(4)];
    one(&plain, &[byte(".byte 0xff"), Attr::Signed(value, 3)]);
    let underlying = [Attr::Name("underlying"), Attr::Size(1), Attr::Type("int")];
    one(&underlying, &[byte(".byte 0xff"), byte(".byte 1")]);
    let unsized_ = [Attr::Name("unsized"), Attr::Flag(dw::DW_AT_declaration)];
    one(&unsized_, &[]);
    let wide = Attr::Raw(value, dw::DW_FORM_data8, ".8byte 0x100000000");
    one(&[Attr::Name("wide"), Attr::Size(4)], &[wide]);
    let huge = Attr::Raw(value, dw::DW_FORM_data16, ".8byte 0, 1");
    one(&[Attr::Name("huge"), Attr::Size(8)], &[huge]);
    one(&[Attr::Name("odd"), Attr::Size(3)], &[byte(".byte 1")]);
    let found = types(&unit.object());
    assert_eq!(
        spell(&found.btf),
        [
            "int",
            "unsigned enum plain {v=255, v=3}",
            "signed enum underlying {v=-1, v=1}",
            "unsigned enum unsized {}",
            "unsigned enum64 wide {v=4294967296}",
            "unsigned enum64 huge {}",
            "struct odd 3 {}"
        ]
    );
}

/// More than 16 bits count.
#[test]
fn more_parts_than_the_format_counts() {
    let mut unit = Unit::new();
    unit.open(
        "",
        dw::DW_TAG_structure_type,
        &[Attr::Name("members"), Attr::Size(4)],
    );
    for _ in 0..65536 {
        unit.leaf("", dw::DW_TAG_member, &[Attr::Name("m"), Attr::Type("int")]);
    }
    unit.close();
    let found = types(&unit.object());
    assert_eq!(spell(&found.btf), ["int", "struct members 4 {}"]);
    let problems: Vec<_> = found.warnings.iter().map(|it| it.problem).collect();
    assert_eq!(problems, [Problem::Limit("number of members")]);
}

/// Long chains and deep nesting take neither stack nor time.
#[test]
fn long_chains() {
    let mut unit = Unit::new();
    for at in 0..30_000 {
        let (label, to) = (format!("p{at}"), format!("p{}", at + 1));
        unit.leaf(&label, dw::DW_TAG_pointer_type, &[Attr::Type(&to)]);
    }
    unit.leaf(
        "p30000",
        dw::DW_TAG_typedef,
        &[Attr::Name("end"), Attr::Type("int")],
    );
    unit.leaf(
        "",
        dw::DW_TAG_typedef,
        &[Attr::Name("start"), Attr::Type("p0")],
    );
    let found = types(&unit.object());
    assert!(
        found
            .btf
            .types()
            .iter()
            .any(|ty| matches!(ty, Type::Typedef { .. }))
    );

    let nested = |depth| {
        let mut unit = Unit::new();
        for _ in 0..depth {
            unit.open(
                "",
                dw::DW_TAG_structure_type,
                &[Attr::Name("s"), Attr::Size(4)],
            );
        }
        for _ in 0..depth {
            unit.close();
        }
        unit.object()
    };
    types(&nested(4000));
    let error = extract(&nested(5000), &Options::default()).unwrap_err();
    assert!(matches!(error, Error::TooDeep { .. }), "{error}");
}

/// Functions whose name, or whose code, is in another entry.
#[test]
fn functions_in_several_entries() {
    let code = Attr::Raw(dw::DW_AT_low_pc, dw::DW_FORM_addr, ".8byte 0");
    let origin = |label| Attr::Ref(dw::DW_AT_abstract_origin, label);
    let specification = |label| Attr::Ref(dw::DW_AT_specification, label);
    let declaration = Attr::Flag(dw::DW_AT_declaration);
    let mut unit = Unit::new();
    let mut one = |label: &str, attrs: &[Attr<'_>]| {
        unit.open(label, dw::DW_TAG_subprogram, attrs);
        unit.leaf(
            "",
            dw::DW_TAG_formal_parameter,
            &[Attr::Name("p"), Attr::Type("int")],
        );
        unit.close();
    };
    one("plain", &[Attr::Name("plain"), Attr::Type("int"), code]);
    one("inlined", &[Attr::Name("inlined")]);
    one("abstract", &[Attr::Name("abstract")]);
    one("", &[origin("abstract"), code]);
    one("declared", &[Attr::Name("declared"), declaration]);
    one("defined", &[specification("declared")]);
    one("", &[origin("defined"), code]);
    one("external", &[Attr::Name("external"), declaration]);
    one("circle", &[origin("square"), code]);
    one("square", &[origin("circle"), code]);
    let object = unit.object();
    assert_eq!(
        spell(&types(&object).btf),
        [
            "int",
            "func plain (int) int",
            "func abstract (int) void",
            "func declared (int) void"
        ]
    );
    let options = Options {
        functions: false,
        ..Options::default()
    };
    assert_eq!(spell(&extract(&object, &options).unwrap().btf), ["int"]);
}

/// What was inlined is passed over to where it says that it ends, but never back, and not out of the unit.
#[test]
fn expanded_code() {
    let sibling = |label| Attr::Ref(dw::DW_AT_sibling, label);
    let outside = Attr::Raw(dw::DW_AT_sibling, dw::DW_FORM_ref4, ".4byte 0x7fffff");
    let origin = Attr::Ref(dw::DW_AT_abstract_origin, "inlined");
    for ends in [
        sibling("behind"),
        sibling("inner"),
        sibling("function"),
        sibling("here"),
        outside,
        origin,
    ] {
        let code = Attr::Raw(dw::DW_AT_low_pc, dw::DW_FORM_addr, ".8byte 0");
        let mut unit = Unit::new();
        unit.leaf("inlined", dw::DW_TAG_subprogram, &[Attr::Name("inlined")]);
        unit.open("function", dw::DW_TAG_subprogram, &[Attr::Name("f"), code]);
        unit.open("here", dw::DW_TAG_inlined_subroutine, &[origin, ends]);
        unit.leaf("inner", dw::DW_TAG_variable, &[]);
        unit.open("", dw::DW_TAG_call_site, &[ends]);
        unit.leaf("", dw::DW_TAG_call_site_parameter, &[]);
        unit.close();
        unit.close();
        let local = [Attr::Name("local"), Attr::Size(4)];
        unit.leaf("behind", dw::DW_TAG_structure_type, &local);
        unit.close();
        unit.leaf(
            "",
            dw::DW_TAG_typedef,
            &[Attr::Name("last"), Attr::Type("behind")],
        );
        let found = types(&unit.object());
        assert_eq!(
            spell(&found.btf),
            [
                "int",
                "func f () void",
                "struct local 4 {}",
                "typedef last local"
            ],
        );
        assert_eq!(found.warnings, []);
    }
}

/// C++: base classes come first and have no name, static members are not in the object.
#[test]
fn classes() {
    let mut unit = Unit::new();
    unit.open("", dw::DW_TAG_namespace, &[Attr::Name("n")]);
    unit.open(
        "base",
        dw::DW_TAG_class_type,
        &[Attr::Name("base"), Attr::Size(4)],
    );
    unit.leaf(
        "",
        dw::DW_TAG_member,
        &[Attr::Name("b"), Attr::Type("int"), Attr::At(0)],
    );
    unit.close();
    unit.close();
    unit.open(
        "derived",
        dw::DW_TAG_class_type,
        &[Attr::Name("derived"), Attr::Size(16)],
    );
    let reference = [Attr::Name("r"), Attr::Type("reference"), Attr::At(8)];
    unit.leaf("", dw::DW_TAG_member, &reference);
    unit.leaf(
        "",
        dw::DW_TAG_inheritance,
        &[Attr::Type("base"), Attr::At(0)],
    );
    let fixed = [
        Attr::Name("s"),
        Attr::Type("int"),
        Attr::Flag(dw::DW_AT_external),
    ];
    unit.leaf("", dw::DW_TAG_member, &fixed);
    unit.leaf(
        "",
        dw::DW_TAG_unspecified_type,
        &[Attr::Name("decltype(nullptr)")],
    );
    unit.close();
    unit.leaf(
        "reference",
        dw::DW_TAG_reference_type,
        &[Attr::Type("derived")],
    );
    let found = types(&unit.object());
    assert_eq!(
        spell(&found.btf),
        [
            "int",
            "struct n_base 4 {int b@0}",
            "struct derived 16 {n_base @0, *derived r@64}"
        ]
    );
    assert_eq!(found.warnings, []);
}

/// The place of a virtual base is in the vtable, as compilers and others could write it; what else an
/// expression may compute is left out with a warning.
#[test]
fn virtual_bases() {
    let (dup, deref, minus, plus) = ("0x12", "0x06", "0x1c", "0x22");
    for (expression, value) in [
        (&[dup, deref, "0x48", minus, deref, plus][..], Some(-24)),
        (
            &[dup, deref, "0x10, 0xa0, 0x01", minus, deref, plus],
            Some(-160),
        ),
        (
            &[
                dup,
                deref,
                "0x0d, 0xff, 0xff, 0xff, 0xff",
                plus,
                deref,
                plus,
            ],
            Some(-1),
        ),
        (&[dup, deref, "0x23, 0x10", deref, plus], Some(16)),
        (&[dup, "0x94, 0x04", "0x48", minus, deref, plus], None),
        (&[dup, deref, "0x48", minus, deref], None),
        (&[dup, deref, "0x48", minus, deref, plus, dup], None),
        (&[deref, "0x48", minus, deref, plus], None),
        (
            &[
                dup,
                deref,
                "0x0c, 0xff, 0xff, 0xff, 0xff",
                minus,
                deref,
                plus,
            ],
            None,
        ),
        (&["0x23, 0x10"], None),
    ] {
        let bytes = expression.join(", ");
        let len = bytes.split(',').count();
        let location = format!(".byte {len}, {bytes}");
        let mut unit = Unit::new();
        unit.open(
            "base",
            dw::DW_TAG_class_type,
            &[Attr::Name("b"), Attr::Size(4)],
        );
        let member = [Attr::Name("x"), Attr::Type("int"), Attr::At(0)];
        unit.leaf("", dw::DW_TAG_member, &member);
        unit.close();
        unit.open(
            "",
            dw::DW_TAG_class_type,
            &[Attr::Name("d"), Attr::Size(16)],
        );
        let at = dw::DW_AT_data_member_location;
        let inheritance = [
            Attr::Type("base"),
            Attr::Raw(at, dw::DW_FORM_exprloc, &location),
            Attr::Number(dw::DW_AT_virtuality, 1),
        ];
        unit.leaf("", dw::DW_TAG_inheritance, &inheritance);
        unit.close();
        let object = unit.object();
        let found = rooted(&object, "d").unwrap();
        let values = found.btf.types().iter().find_map(|ty| match ty {
            Type::Enum { name, values, .. } => Some((found.btf.name(*name), values.as_slice())),
            _ => None,
        });
        let warnings: Vec<_> = found.warnings.iter().map(|it| it.problem).collect();
        match value {
            None => assert_eq!((values, &*warnings), (None, &[Problem::VirtualBase][..])),
            Some(value) => {
                let (name, values) = values.unwrap();
                let [only] = values else { panic!("{values:?}") };
                let places = (name, found.btf.name(only.name), only.value);
                assert_eq!(places, ("d__virtual_bases", "d__virtual_b", value));
                assert_eq!(warnings, []);
                // The root brings it along.
                assert!(spell(&found.btf).contains(&"struct b 4 {int x@0}".to_owned()));
            }
        }
    }
}

#[test]
fn names() {
    let mut unit = Unit::new();
    let long = "x".repeat(20_000);
    unit.leaf(
        "",
        dw::DW_TAG_typedef,
        &[Attr::Name(&long), Attr::Type("int")],
    );
    let bytes = Attr::Raw(dw::DW_AT_name, dw::DW_FORM_string, ".byte 0x61, 0xff, 0");
    unit.leaf("", dw::DW_TAG_typedef, &[bytes, Attr::Type("int")]);
    let beyond = Attr::Raw(dw::DW_AT_name, dw::DW_FORM_strp, ".4byte 0x1234");
    let found = types(&unit.object());
    assert_eq!(found.btf.name(found.btf.types()[1].name()).len(), 20_000);
    assert_eq!(spell(&found.btf)[2], "typedef a\u{fffd} int");

    let mut unit = Unit::new();
    unit.leaf("", dw::DW_TAG_typedef, &[beyond, Attr::Type("int")]);
    let error = extract(&unit.object(), &Options::default()).unwrap_err();
    assert!(matches!(error, Error::Dwarf { .. }), "{error}");
}
