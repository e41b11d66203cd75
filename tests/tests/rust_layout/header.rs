//! The two ways from a Rust type to C: core-build's header, made from the source, and the BTF,
//! made from debug information. They never see each other, and must agree on every name.

use std::process::Command;

use core_btf::dwarf::{Options, extract};
use core_btf::model::Member;
use core_btf::read::Endian;
use core_btf::rust::{enumerator, tag_enum};
use core_btf::{Btf, Kind, TypeId, TypeRef};

use crate::annotated::annotated;
use crate::scratch::{Scratch, output_of};
use crate::types::Types;

/// The files of the fixture that have types.
const FILES: [&str; 7] = [
    "enums",
    "fieldless",
    "generics",
    "names",
    "plain",
    "pointers",
    "views",
];

/// Where a header cannot know what rustc does, BTF says so by not having it, or something else in
/// its place: a relocation finds nothing then.
const UNKNOWABLE: &[&str] = &[
    // A pointer to a type whose last field is unsized.
    "struct Tailed",
    "struct TailedByTrait",
    "Unsized.tailed",
    "Unsized.boxed",
    "Unsized.by_trait",
    "Unsized.optional",
    // Types of other crates, of which the header knows no members.
    "ArcInner_Hidden.value",
    "Option_Choice__Some.__0",
    "Result_String_Error__Err.__0",
    // What an associated type stands for.
    "Stored_u8.item",
];

/// The BTF of the generated header's types, as clang sees them.
fn header() -> Vec<u8> {
    let scratch = Scratch::with_build(
        "fixture",
        "core_build::Builder::new().build()?;
        let include = std::env::var(\"OUT_DIR\").unwrap() + \"/core/include\";
        std::fs::write(\"include\", include).unwrap();
        Ok(())",
    );
    let manifest = std::fs::read_to_string(scratch.path().join("Cargo.toml")).unwrap();
    let manifest = manifest.replace(
        "[dependencies]\n",
        "[dependencies]\ndep = { path = \"dep\" }\n",
    );
    scratch.file("Cargo.toml", &manifest);
    scratch.file(
        "dep/Cargo.toml",
        "[package]\nname = \"dep\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    let fixture = tests::program::fixtures().join("rust-types");
    let read = |name: &str| std::fs::read_to_string(fixture.join(name)).unwrap();
    scratch.file("dep/src/lib.rs", &read("dep.rs"));
    let mut main = "core_runtime::embed!();\nfn main() {}\n".to_owned();
    for file in FILES {
        main.extend(["#[allow(warnings)] pub mod ", file, ";\n"]);
        let text = annotated(&read(&format!("src/{file}.rs")));
        scratch.file(&format!("src/{file}.rs"), &text);
    }
    scratch.file("src/main.rs", &main);
    output_of(&mut scratch.cargo("check"));

    let include = std::fs::read_to_string(scratch.path().join("include")).unwrap();
    scratch.file("header.c", "#include \"traceable.bpf.h\"\n");
    let clang = std::env::var("CLANG").unwrap_or_else(|_| "clang".to_owned());
    output_of(
        Command::new(clang)
            .current_dir(scratch.path())
            .args(["-target", "bpf", "-g", "-fno-eliminate-unused-debug-types"])
            .args(["-I", &include, "-c", "header.c", "-o", "header.o"]),
    );
    let object = std::fs::read(scratch.path().join("header.o")).unwrap();
    let types = extract(&object, &Options::default()).unwrap().btf;
    types.encode(Endian::NATIVE).unwrap()
}

struct Comparison<'h, 'a> {
    header: &'h Types<'a>,
    btf: &'h Types<'a>,
    wrong: Vec<String>,
    types: usize,
    members: usize,
}

impl Comparison<'_, '_> {
    fn problem(&mut self, place: &str, problem: &str) {
        if !UNKNOWABLE.contains(&place) {
            self.wrong.push(format!("{place} {problem}"));
        }
    }

    /// Looks for the members of one of the header's types in the type of its name.
    fn members(&mut self, name: &str, local: &TypeRef<'_>, target: TypeId) {
        for member in local.members() {
            let field = self.header.member_name(&member);
            let ty = resolved(&self.header.btf, member.ty);
            if field.is_empty() {
                self.members(name, &ty, target);
                continue;
            }
            let place = format!("{name}.{field}");
            match find(self.btf, target, field) {
                Some(found) if fits(self.header, &ty, self.btf, &found) => self.members += 1,
                Some(found) => self.problem(&place, &format!("is {:?}", found.kind())),
                None if field == "__tag" && !self.has_values(name) => {}
                None => self.problem(&place, "is not there"),
            }
        }
    }

    /// Whether a variant of an enum has a value of its own, and so there is a tag.
    fn has_values(&self, name: &str) -> bool {
        let union = self.btf.one(name);
        let tags = self.btf.named(&tag_enum(name));
        let values = tags.iter().flat_map(|tags| self.btf.enumerators(tags));
        let values: Vec<&str> = values.map(|(name, _)| name).collect();
        union.members().any(|variant: Member| {
            let variant = self.btf.member_name(&variant);
            values.contains(&enumerator(name, variant).as_str())
        })
    }

    fn enumerators(&mut self, name: &str, local: &TypeRef<'_>, target: &TypeRef<'_>) {
        let names = |types: &Types<'_>, ty: &TypeRef<'_>| -> Vec<String> {
            let btf = &types.btf;
            ty.enumerators()
                .map(|value| essential(btf.name(value.name).unwrap()).to_owned())
                .collect()
        };
        let (local, target) = (names(self.header, local), names(self.btf, target));
        // A tag has some of what the header allows for; a plain enum has all.
        for value in &target {
            if !local.contains(value) {
                self.problem(&format!("{name}.{value}"), "is not in the header");
            }
        }
        for value in local.iter().filter(|_| !name.ends_with("__tag")) {
            if !target.contains(value) {
                self.problem(&format!("{name}.{value}"), "is not there");
            }
        }
    }
}

/// What libbpf compares of a name.
fn essential(name: &str) -> &str {
    name.rsplit_once("___").map_or(name, |(name, _)| name)
}

fn resolved<'a>(btf: &Btf<'a>, id: TypeId) -> TypeRef<'a> {
    btf.resolve(id).unwrap()
}

fn find<'a>(types: &Types<'a>, ty: TypeId, name: &str) -> Option<TypeRef<'a>> {
    types.place(ty, name).map(|place| types.get(place.ty))
}

/// Whether libbpf would take one member for the other, and both are read alike.
fn fits(local: &Types<'_>, a: &TypeRef<'_>, target: &Types<'_>, b: &TypeRef<'_>) -> bool {
    let composite = |ty: &TypeRef<'_>| ty.kind().is_composite() || ty.kind() == Kind::Fwd;
    let name = |ty: &TypeRef<'_>| essential(ty.name().unwrap()).to_owned();
    match (a.kind(), b.kind()) {
        // The header knows nothing of other crates' types, and declares them without members.
        _ if composite(a) && composite(b) => name(a) == name(b) || a.vlen() == 0,
        _ if a.kind().is_enum() && b.kind().is_enum() => name(a) == name(b),
        (Kind::Int, Kind::Int) => {
            a.size_bytes() == b.size_bytes() && a.is_signed() == b.is_signed()
        }
        (Kind::Array, Kind::Array) => {
            let ((a, _, a_len), (b, _, b_len)) = (a.array(), b.array());
            let (a, b) = (resolved(&local.btf, a), resolved(&target.btf, b));
            a_len == b_len && fits(local, &a, target, &b)
        }
        (Kind::Ptr, Kind::Ptr) => {
            let (a, b) = (
                resolved(&local.btf, a.target()),
                resolved(&target.btf, b.target()),
            );
            let opaque = [a.kind(), b.kind()].contains(&Kind::Void);
            opaque && a.kind() == b.kind() || !opaque && fits(local, &a, target, &b)
        }
        (a, b) => a == b,
    }
}

#[test]
fn header_and_btf_agree_on_every_name() {
    let header = header();
    let header = Types::new(&header);
    let btf = Types::new(&crate::MAIN_BTF);
    let mut all = Comparison {
        header: &header,
        btf: &btf,
        wrong: Vec::new(),
        types: 0,
        members: 0,
    };
    for local in header.btf.iter() {
        let name = essential(local.name().unwrap());
        let is_enum = local.kind().is_enum();
        // The header's own prelude is C's.
        if name.is_empty() || name.starts_with("bpf_") || name.starts_with("libbpf_") {
            continue;
        }
        if !is_enum && !local.kind().is_composite() {
            continue;
        }
        let found: Vec<TypeRef<'_>> = btf
            .named(name)
            .into_iter()
            .filter(|ty| ty.kind() == local.kind() || ty.kind().is_enum() && is_enum)
            .collect();
        match found[..] {
            [target] if is_enum => all.enumerators(name, &local, &target),
            [target] => all.members(name, &local, target.id()),
            // Of an enum without a possible variant, or with a tag that is too wide.
            [] if name.ends_with("__tag") => continue,
            _ => all.problem(&format!("struct {name}"), "is not there once"),
        }
        all.types += 1;
    }
    assert!(all.wrong.is_empty(), "{}", all.wrong.join("\n"));
    println!("{} types, {} members", all.types, all.members);
    assert!(all.types > 600 && all.members > 1000);
}
