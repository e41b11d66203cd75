//! Declarations: C writes a type around the name it declares.

use super::definition::{MAX_DEPTH, Printer, push_tag_attribute};
use super::scalar::{Spelling, spelling};
use crate::error::{Error, Result};
use crate::model::{Kind, TypeId};
use crate::read::MAX_CHAIN;

impl Printer<'_, '_, '_> {
    /// Prints the declaration of `name` (empty in a prototype) as something of this type.
    pub(super) fn declarator(&mut self, ty: TypeId, name: String, depth: usize) -> Result<()> {
        let too_deep = || Error::Type {
            ty,
            problem: "nests deeper than 100 levels",
        };
        // What `declared` becomes by each step from the name to the type at the bottom.
        let mut declared = name;
        let mut qualifiers = Qualifiers::default();
        let mut at = self.btf.get(ty)?;
        let mut returned = false;
        for _ in depth..MAX_DEPTH {
            match at.kind() {
                Kind::Const => qualifiers.is_const = true,
                Kind::Volatile => qualifiers.is_volatile = true,
                Kind::Restrict if self.btf.resolve(at.target())?.kind() == Kind::Ptr => {
                    qualifiers.is_restrict = true;
                }
                Kind::Restrict => {}
                Kind::TypeTag => push_tag_attribute("btf_type_tag", &at, &mut qualifiers.tags),
                Kind::Typedef if self.is_expanded(&at) => {}
                Kind::Ptr => {
                    declared = std::mem::take(&mut qualifiers).pointer(&declared);
                    returned = false;
                    if self.points_to_open_array(at.target())? {
                        self.base("void", &qualifiers, &declared);
                        return Ok(());
                    }
                }
                Kind::Array => {
                    let (element, _, len) = at.array();
                    declared = suffixed(declared, &format!("[{len}]"));
                    at = self.btf.get(element)?;
                    continue;
                }
                Kind::FuncProto => {
                    // A function can't be qualified, and GCC says `volatile` of one for `noreturn`.
                    qualifiers = Qualifiers::default();
                    let mut params = Vec::new();
                    for param in at.params() {
                        let is_ellipsis = param.ty.is_void() && param.name.is_anonymous();
                        params.push(if is_ellipsis {
                            "...".to_owned()
                        } else {
                            self.parameter(param.ty, depth + 1)?
                        });
                    }
                    let params = match params.as_slice() {
                        [] => "void".to_owned(),
                        // Parameters that are not declared, as in C before prototypes.
                        [only] if only == "..." => String::new(),
                        all => all.join(", "),
                    };
                    declared = suffixed(declared, &format!("({params})"));
                    returned = true;
                }
                Kind::Void => {
                    self.base("void", &qualifiers, &declared);
                    return Ok(());
                }
                Kind::Int | Kind::Float => {
                    match spelling(&at, self.pointer_bytes) {
                        Spelling::Name(name) => self.base(name, &qualifiers, &declared),
                        // No function returns an array, and how large its result is, is nothing
                        // that the layout of a struct depends on.
                        Spelling::Bytes(_) if returned => {
                            self.base("long double", &qualifiers, &declared);
                        }
                        Spelling::Bytes(n) => {
                            let declared = suffixed(declared, &format!("[{n}]"));
                            self.base("unsigned char", &qualifiers, &declared);
                        }
                    }
                    return Ok(());
                }
                Kind::Struct | Kind::Union if at.name_bytes().is_empty() => {
                    self.out.push_str(match at.kind() {
                        Kind::Union => "union ",
                        _ => "struct ",
                    });
                    self.body(&at, depth)?;
                    self.base("", &qualifiers, &declared);
                    return Ok(());
                }
                Kind::Enum | Kind::Enum64 if at.name_bytes().is_empty() => {
                    if at.vlen() == 0 {
                        self.base("unsigned int", &qualifiers, &declared);
                    } else {
                        self.enum_(&at, depth)?;
                        self.base("", &qualifiers, &declared);
                    }
                    return Ok(());
                }
                Kind::Struct | Kind::Union | Kind::Fwd | Kind::Enum | Kind::Enum64 => {
                    let mut tag = String::new();
                    self.names.push_tag(&at, &mut tag);
                    self.base(&tag, &qualifiers, &declared);
                    return Ok(());
                }
                Kind::Typedef => {
                    let mut name = String::new();
                    self.names.push_ident(&at, &mut name);
                    self.base(&name, &qualifiers, &declared);
                    return Ok(());
                }
                Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag => {
                    return Err(Error::Type {
                        ty: at.id(),
                        problem: "is used as a type, which it is not",
                    });
                }
            }
            at = self.btf.get(at.target())?;
        }
        Err(too_deep())
    }

    fn base(&mut self, name: &str, qualifiers: &Qualifiers, declared: &str) {
        if name.is_empty() {
            qualifiers.push_after(&mut self.out);
        } else {
            qualifiers.push_before(&mut self.out);
            self.out.push_str(name);
            self.out.push_str(&qualifiers.tags);
        }
        if !declared.is_empty() {
            self.out.push(' ');
            self.out.push_str(declared);
        }
    }

    /// The text of a parameter; what it takes is printed elsewhere for the moment.
    fn parameter(&mut self, ty: TypeId, depth: usize) -> Result<String> {
        let before = self.out.len();
        self.declarator(ty, String::new(), depth)?;
        let text = self.out.split_off(before);
        self.count_param(ty, text.len())?;
        Ok(text)
    }

    /// Whether this is an array of structs of which the definition is not finished.
    fn points_to_open_array(&self, ty: TypeId) -> Result<bool> {
        let mut ty = self.btf.get(ty)?;
        let mut is_array = false;
        for _ in 0..MAX_CHAIN {
            ty = match ty.kind() {
                Kind::Array => {
                    is_array = true;
                    self.btf.get(ty.array().0)?
                }
                Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                    self.btf.get(ty.target())?
                }
                Kind::Typedef if self.is_expanded(&ty) || is_array => self.btf.get(ty.target())?,
                kind => {
                    let is_named = !ty.name_bytes().is_empty();
                    return Ok(is_array
                        && (kind == Kind::Fwd
                            || kind.is_composite() && is_named && !self.is_complete(ty.id())));
                }
            };
        }
        Ok(false)
    }
}

/// `const` and the like of the type that comes next.
#[derive(Debug, Default)]
struct Qualifiers {
    is_const: bool,
    is_volatile: bool,
    is_restrict: bool,
    /// Type tags, as attributes.
    tags: String,
}

impl Qualifiers {
    fn words(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.is_const, "const"),
            (self.is_volatile, "volatile"),
            (self.is_restrict, "__restrict"),
        ]
        .into_iter()
        .filter_map(|(is_set, word)| is_set.then_some(word))
    }

    fn push_before(&self, out: &mut String) {
        out.extend(self.words().flat_map(|word| [word, " "]));
    }

    fn push_after(&self, out: &mut String) {
        out.extend(self.words().flat_map(|word| [" ", word]));
        out.push_str(&self.tags);
    }

    /// What `declared` is to the type that it is a pointer to.
    fn pointer(&self, declared: &str) -> String {
        let mut own = String::new();
        self.push_after(&mut own);
        let space = if own.is_empty() || declared.is_empty() {
            ""
        } else {
            " "
        };
        format!("*{}{space}{declared}", own.trim_start())
    }
}

/// `[n]` and `(...)` bind tighter than `*`.
fn suffixed(declared: String, suffix: &str) -> String {
    if declared.starts_with('*') {
        format!("({declared}){suffix}")
    } else {
        declared + suffix
    }
}
