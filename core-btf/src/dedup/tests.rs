use super::*;
use crate::model::{CompositeKind, SectionVar};
use crate::testing::Types;
use crate::{Error, Type, TypeId};

fn fwd(t: &mut Types, name: &str) -> TypeId {
    let name = t.0.intern(name).unwrap();
    t.push(Type::Fwd {
        name,
        kind: CompositeKind::Struct,
    })
}

/// The new id of each old one.
fn map(t: &Types) -> Vec<u32> {
    let (after, map) = dedup_with_map(t.0.clone()).unwrap();
    assert_eq!(
        map.iter().map(|id| id.0).max(),
        u32::try_from(after.len()).ok()
    );
    map.into_iter().map(|id| id.0).collect()
}

/// `struct list { struct list *next; int value; }`, in a unit of its own.
fn list(t: &mut Types) {
    let int = t.int("int", 4);
    let pointer = t.push(Type::Ptr(TypeId(int.0 + 2)));
    t.structure(
        "list",
        16,
        &[("next", pointer, 0, 0), ("value", int, 64, 0)],
    );
}

/// A cycle through a pointer is no obstacle.
#[test]
fn types_that_refer_to_themselves_merge() {
    let mut t = Types::default();
    list(&mut t);
    list(&mut t);
    assert_eq!(map(&t), [0, 1, 2, 3, 1, 2, 3]);
}

/// The second struct differs from the first only in what its pointer's target is made of.
#[test]
fn types_of_one_name_and_different_layout_stay_apart_with_their_users() {
    let mut t = Types::default();
    for size in [4, 8] {
        let int = t.int("int", size);
        let inner = t.structure("inner", 8, &[("x", int, 0, 0)]);
        let pointer = t.push(Type::Ptr(inner));
        t.structure("outer", 8, &[("p", pointer, 0, 0)]);
    }
    assert_eq!(map(&t), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

/// Whichever unit comes first, and through all that refers to them.
#[test]
fn forward_declarations_become_the_only_definition() {
    let mut t = Types::default();
    let declared = fwd(&mut t, "s");
    let pointer = t.push(Type::Ptr(declared));
    t.structure("user", 8, &[("s", pointer, 0, 0)]);
    let defined = t.structure("s", 0, &[]);
    let pointer = t.push(Type::Ptr(defined));
    t.structure("user", 8, &[("s", pointer, 0, 0)]);
    fwd(&mut t, "s");
    // A union of that name is something else.
    t.composite(CompositeKind::Union, "s", 0, &[]);
    assert_eq!(map(&t), [0, 3, 1, 2, 3, 1, 2, 3, 4]);
}

/// Which of two definitions is meant, nothing in BTF says.
#[test]
fn forward_declarations_of_an_ambiguous_name_stay() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    t.structure("s", 4, &[("a", int, 0, 0)]);
    fwd(&mut t, "s");
    t.structure("s", 4, &[("b", int, 0, 0)]);
    fwd(&mut t, "s");
    t.structure("s", 4, &[("a", int, 0, 0)]);
    assert_eq!(map(&t), [0, 1, 2, 3, 4, 3, 2]);
}

/// That two definitions differ may show only after those of another name were told apart; a
/// declaration that has joined them by then leaves again.
#[test]
fn forward_declarations_wait_until_definitions_are_stable() {
    let mut t = Types::default();
    fwd(&mut t, "outer");
    for size in [4, 8] {
        let int = t.int("int", size);
        let inner = t.structure("inner", 8, &[("x", int, 0, 0)]);
        t.structure("outer", 8, &[("i", inner, 0, 0)]);
    }
    assert_eq!(map(&t), [0, 1, 2, 3, 4, 5, 6, 7]);
}

/// `enum e;` is BTF's enum without enumerators.
#[test]
fn enums_without_enumerators_are_forward_declarations() {
    let mut t = Types::default();
    t.enumeration("e", 4, false, &[]);
    t.enumeration("e", 8, false, &[("A", 1 << 40)]);
    t.enumeration("", 4, false, &[]);
    t.enumeration("", 4, false, &[("B", 0)]);
    assert_eq!(map(&t), [0, 1, 1, 2, 3]);
}

/// A compiler may describe a type twice in one unit; what differs is compared all the same (libbpf
/// compares an array's element with itself there).
#[test]
fn types_given_twice_in_one_unit_merge() {
    let mut t = Types::default();
    let (int, long) = (t.int("int", 4), t.int("long", 8));
    let (one, same, other) = (t.array(int, 2), t.array(int, 2), t.array(long, 2));
    for second in [one, same, other] {
        t.structure("s", 24, &[("a", one, 0, 0), ("b", second, 64, 0)]);
    }
    assert_eq!(map(&t), [0, 1, 2, 3, 3, 4, 5, 5, 6]);
}

/// Kinds that differ in one field each.
#[test]
fn every_field_counts() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    let name = t.0.intern("n").unwrap();
    let void = TypeId::VOID;
    let tag = |component, attribute| Type::DeclTag {
        name,
        ty: int,
        component,
        attribute,
    };
    let function = |linkage| Type::Func {
        name,
        proto: int,
        linkage,
    };
    let bit = |t: &mut Types, bits| t.structure("s", 4, &[("b", int, 0, bits)]);
    let types = [
        Type::Ptr(int),
        Type::Const(int),
        Type::Volatile(int),
        Type::Restrict(int),
        Type::Ptr(void),
        Type::Typedef { name, ty: int },
        Type::Typedef { name, ty: void },
        tag(-1, false),
        tag(0, false),
        tag(-1, true),
        function(0),
        function(1),
    ];
    for ty in types.iter().chain(&types) {
        t.push(ty.clone());
    }
    for bits in [0, 3, 4, 0, 3, 4] {
        bit(&mut t, bits);
    }
    for signed in [false, true, false, true] {
        t.enumeration("e", 4, signed, &[("A", 1)]);
    }
    let map = map(&t);
    let n = types.len();
    assert_eq!(map[2..2 + n], map[2 + n..2 + 2 * n]);
    let bits = 2 + 2 * n;
    assert_eq!(map[bits..bits + 3], map[bits + 3..bits + 6]);
    let enums = bits + 6;
    assert_eq!(map[enums..enums + 2], map[enums + 2..]);
    assert_eq!(dedup(t.0).unwrap().len(), 1 + n + 3 + 2);
}

/// Two units may each have a static variable of one name.
#[test]
fn variables_and_sections_stay() {
    let mut t = Types::default();
    let int = t.int("int", 4);
    let name = t.0.intern("v").unwrap();
    for _ in 0..2 {
        let var = Type::Var {
            name,
            ty: int,
            linkage: 0,
        };
        let ty = t.push(var);
        let vars = vec![SectionVar {
            ty,
            offset_bytes: 0,
            size_bytes: 4,
        }];
        t.push(Type::Datasec {
            name,
            size_bytes: 4,
            vars,
        });
    }
    assert_eq!(map(&t), [0, 1, 2, 3, 4, 5]);
}

/// The one way in which types can be wrong here.
#[test]
fn a_reference_to_nothing_is_an_error() {
    let mut t = Types::default();
    t.push(Type::Ptr(TypeId(2)));
    let error = Error::NoSuchType {
        ty: TypeId(2),
        last: 1,
    };
    assert_eq!(dedup(t.0).unwrap_err(), error);
    assert_eq!(dedup(Types::default().0).unwrap().len(), 0);
}

/// Depth is no recursion, and a difference at the far end of a long chain is no quadratic work.
#[test]
fn long_chains_of_pointers_and_structs_take_linear_time() {
    const LENGTH: u32 = 100_000;
    let mut t = Types::default();
    for _ in 0..2 {
        // Each unit: a chain that ends in a type of its own.
        let start = u32::try_from(t.0.len()).unwrap();
        t.structure("end", start, &[]);
        for at in 1..LENGTH {
            let next = TypeId(start + at);
            if at % 2 == 0 {
                t.structure("link", 8, &[("next", next, 0, 0)]);
            } else {
                t.push(Type::Ptr(next));
            }
        }
    }
    let start = std::time::Instant::now();
    assert_eq!(dedup(t.0).unwrap().len(), 2 * LENGTH as usize);
    assert!(start.elapsed().as_secs() < 20);
}

/// Typedefs of themselves and the like are types as good as any.
#[test]
fn chains_without_end_are_no_loop() {
    let mut t = Types::default();
    t.typedef("t", TypeId(1));
    t.typedef("t", TypeId(3));
    t.typedef("t", TypeId(2));
    assert_eq!(map(&t), [0, 1, 1, 1]);
}

/// Whoever makes the input knows how shapes are hashed, but not with which seed: enums whose second
/// value undoes what the first did to a hash without one take no longer than others.
#[test]
fn types_made_to_collide_take_linear_time() {
    const COUNT: i64 = 50_000;
    let mut t = Types::default();
    let names = ["", "A", "B"].map(|name| t.0.intern(name).unwrap());
    let [none, first, second] = names;
    let words = [
        crate::Kind::Enum64 as u64,
        u64::from(none.0),
        8,
        1,
        u64::from(first.0),
    ];
    let start = words.into_iter().fold(2, partition::mix);
    for value in 0..COUNT {
        let before = partition::mix(start, value.cast_unsigned());
        let before = partition::mix(before, u64::from(second.0));
        let undone = before.rotate_left(5);
        assert_eq!(partition::mix(before, undone), 0);
        let values = [("A", value), ("B", undone.cast_signed())];
        t.enumeration("", 8, true, &values);
    }
    let start = std::time::Instant::now();
    assert_eq!(dedup(t.0).unwrap().len(), usize::try_from(COUNT).unwrap());
    assert!(start.elapsed().as_secs() < 10);
}

/// Equal hashes prove nothing.
#[test]
fn hash_collisions_are_told_apart() {
    let keyed = |node| partition::Keyed {
        class: 0,
        hash: 7,
        node,
    };
    let mut nodes = [1, 2, 3, 4, 5].map(keyed);
    let groups: Vec<Vec<u32>> = partition::groups(&mut nodes, |a, b| (a % 2).cmp(&(b % 2)))
        .map(|group| group.iter().map(|keyed| keyed.node).collect())
        .collect();
    assert_eq!(groups, [vec![2, 4], vec![1, 3, 5]]);
}
