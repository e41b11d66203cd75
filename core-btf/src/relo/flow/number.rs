//! What is known of a register's value.

/// Most strides that are kept apart.
const MAX_STRIDES: usize = 8;

/// A value as a sum: unknown terms, constants or strides, relocated offsets and sizes.
///
/// A *stride* is a constant that an unknown number is multiplied by, or a constant that is added
/// to an unknown one: `p + 24 * i` and `p + 24` both have the stride 24.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number {
    /// The value, where it is one constant that no relocation has a part in.
    pub(crate) constant: Option<i64>,
    /// Bytes from the frame pointer, for an address on the stack.
    pub(crate) stack: Option<i64>,
    /// Unknown terms without a stride, counted up to 2: a pointer is one.
    pub(crate) unknown: u8,
    /// Ascending, without signs.
    pub(crate) strides: Vec<u64>,
    /// There may be strides that are not among these.
    pub(crate) lost: bool,
    /// Relocations whose offset is a term; ascending.
    pub(crate) offsets: Vec<usize>,
    /// Relocations whose size has a part in the value; ascending.
    pub(crate) sizes: Vec<usize>,
}

fn insert<T: Ord + Copy>(set: &mut Vec<T>, item: T) {
    if let Err(place) = set.binary_search(&item) {
        set.insert(place, item);
    }
}

fn merge<T: Ord + Copy>(set: &mut Vec<T>, other: &[T]) {
    for &item in other {
        insert(set, item);
    }
}

impl Number {
    pub(crate) fn unknown() -> Self {
        Self {
            unknown: 1,
            ..Self::default()
        }
    }

    pub(crate) fn constant(value: i64) -> Self {
        Self {
            constant: Some(value),
            ..Self::default()
        }
    }

    pub(crate) fn stack(offset: i64) -> Self {
        Self {
            stack: Some(offset),
            ..Self::default()
        }
    }

    pub(crate) fn offset(relocation: usize) -> Self {
        Self {
            offsets: vec![relocation],
            ..Self::default()
        }
    }

    pub(crate) fn size(relocation: usize) -> Self {
        Self {
            sizes: vec![relocation],
            ..Self::default()
        }
    }

    /// Whether relocations alone make up the value.
    fn is_relocated(&self) -> bool {
        self.constant.is_none()
            && self.stack.is_none()
            && self.unknown == 0
            && self.strides.is_empty()
    }

    fn stride(&mut self, stride: u64) {
        match stride {
            0 => {}
            _ if self.strides.len() == MAX_STRIDES => self.lost = true,
            _ => insert(&mut self.strides, stride),
        }
    }

    /// Nothing but which relocations had a part in it.
    pub(crate) fn blurred(&self, other: &Self) -> Self {
        let mut out = Self {
            unknown: 1,
            lost: !self.offsets.is_empty() || !other.offsets.is_empty(),
            offsets: self.offsets.clone(),
            sizes: self.sizes.clone(),
            ..Self::default()
        };
        merge(&mut out.offsets, &other.offsets);
        merge(&mut out.sizes, &other.sizes);
        out
    }

    /// Turns the constant or stack address into a term like others, for a sum with unknown ones.
    fn open(mut self) -> Self {
        if let Some(constant) = self.constant.take() {
            self.stride(constant.unsigned_abs());
        }
        if self.stack.take().is_some() {
            self.unknown = (self.unknown + 1).min(2);
        }
        self
    }

    pub(crate) fn add(self, other: Self) -> Self {
        match (&self, &other) {
            (
                Self {
                    constant: Some(a), ..
                },
                Self {
                    constant: Some(b), ..
                },
            ) => return Self::constant(a.wrapping_add(*b)),
            (
                Self { stack: Some(a), .. },
                Self {
                    constant: Some(b), ..
                },
            )
            | (
                Self {
                    constant: Some(b), ..
                },
                Self { stack: Some(a), .. },
            ) => return Self::stack(a.wrapping_add(*b)),
            _ => {}
        }
        let (mut out, other) = (self.open(), other.open());
        out.unknown = (out.unknown + other.unknown).min(2);
        out.lost |= other.lost;
        for stride in other.strides {
            out.stride(stride);
        }
        merge(&mut out.offsets, &other.offsets);
        merge(&mut out.sizes, &other.sizes);
        out
    }

    pub(crate) fn negated(mut self) -> Self {
        self.constant = self.constant.map(i64::wrapping_neg);
        if self.stack.take().is_some() {
            self.unknown = (self.unknown + 1).min(2);
        }
        self
    }

    /// Times a constant.
    fn scaled(self, by: u64) -> Self {
        if let Some(constant) = self.constant {
            return Self::constant(constant.wrapping_mul(by.cast_signed()));
        }
        // A multiple of the target's own size is the target's stride, not the program's.
        if self.is_relocated() && self.offsets.is_empty() {
            return self;
        }
        if !self.offsets.is_empty() {
            return self.blurred(&Self::default());
        }
        let inner = self.open();
        let mut out = Self {
            sizes: inner.sizes,
            lost: inner.lost,
            ..Self::default()
        };
        if inner.unknown > 0 {
            out.stride(by);
        }
        for stride in inner.strides {
            out.stride(stride.wrapping_mul(by));
        }
        out
    }

    pub(crate) fn mul(self, other: Self) -> Self {
        match (self.constant, other.constant) {
            (_, Some(by)) => self.scaled(by.unsigned_abs()),
            (Some(by), None) => other.scaled(by.unsigned_abs()),
            (None, None) => {
                let mut out = self.blurred(&other);
                if out.offsets.is_empty() && !out.sizes.is_empty() {
                    out.unknown = 0;
                }
                out
            }
        }
    }

    pub(crate) fn shift_left(self, by: &Self) -> Self {
        match by.constant {
            Some(by @ 0..=63) => self.scaled(1 << by),
            _ => self.blurred(by),
        }
    }

    pub(crate) fn shift_right(self, by: &Self) -> Self {
        let Some(by @ 0..=63) = by.constant else {
            return self.blurred(by);
        };
        if let Some(constant) = self.constant {
            return Self::constant((constant.cast_unsigned() >> by).cast_signed());
        }
        // Shifts to the left and back again extend a number and leave its strides.
        let inner = self.open();
        let mut out = Self {
            unknown: inner.unknown,
            lost: inner.lost,
            offsets: inner.offsets,
            sizes: inner.sizes,
            ..Self::default()
        };
        for stride in inner.strides {
            if stride % (1 << by) != 0 || stride >> by == 1 {
                out.unknown = (out.unknown + 1).min(2);
            } else {
                out.stride(stride >> by);
            }
        }
        out
    }

    /// Masking leaves what is known of multiples.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self.constant, other.constant) {
            (Some(a), Some(b)) => Self::constant(a & b),
            (None, Some(_)) if self.stack.is_none() => self,
            (Some(_), None) if other.stack.is_none() => other,
            _ => self.blurred(&other),
        }
    }

    /// A value that is one or the other.
    pub(crate) fn join(&self, other: &Self) -> Self {
        if self == other {
            return self.clone();
        }
        let mut out = Self {
            unknown: self.unknown.max(other.unknown),
            lost: self.lost || other.lost,
            ..Self::default()
        };
        if self.stack == other.stack {
            out.stack = self.stack;
        } else {
            out.unknown = out.unknown.max(1);
        }
        match (self.constant, other.constant) {
            (Some(a), Some(b)) if a == b => out.constant = Some(a),
            (Some(a), Some(b)) => out.stride(a.abs_diff(b)),
            (Some(c), None) | (None, Some(c)) => out.stride(c.unsigned_abs()),
            (None, None) => {}
        }
        for set in [&self.strides, &other.strides] {
            for &stride in set {
                out.stride(stride);
            }
        }
        for side in [self, other] {
            merge(&mut out.offsets, &side.offsets);
            merge(&mut out.sizes, &side.sizes);
        }
        out
    }
}
