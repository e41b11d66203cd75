//! What types depend on that a unit says only by its language.

use gimli::{DwLang, constants as dw};

/// Whether a language has one name space for all types: C, Objective-C and assembler.
pub(super) fn is_flat(language: DwLang) -> bool {
    /// `DW_LANG_C23`.
    const C23: DwLang = DwLang(0x3e);
    matches!(
        language,
        dw::DW_LANG_C89
            | dw::DW_LANG_C
            | dw::DW_LANG_C99
            | dw::DW_LANG_C11
            | dw::DW_LANG_C17
            | C23
            | dw::DW_LANG_ObjC
            | dw::DW_LANG_Mips_Assembler
    )
}

/// The number of the first element of an array that does not say it.
pub(super) fn lower_bound(language: DwLang) -> u64 {
    /// `DW_LANG_Algol68`.
    const ALGOL: DwLang = DwLang(0x44);
    let from_one = matches!(
        language,
        dw::DW_LANG_Ada83
            | dw::DW_LANG_Ada95
            | dw::DW_LANG_Ada2005
            | dw::DW_LANG_Ada2012
            | dw::DW_LANG_Cobol74
            | dw::DW_LANG_Cobol85
            | dw::DW_LANG_Fortran77
            | dw::DW_LANG_Fortran90
            | dw::DW_LANG_Fortran95
            | dw::DW_LANG_Fortran03
            | dw::DW_LANG_Fortran08
            | dw::DW_LANG_Fortran18
            | dw::DW_LANG_Julia
            | dw::DW_LANG_Modula2
            | dw::DW_LANG_Modula3
            | dw::DW_LANG_Pascal83
            | dw::DW_LANG_PLI
            | ALGOL
    );
    from_one.into()
}
