//! The order of definitions: each type after those that C needs to know before it.

use super::definition::Printer;
use crate::error::{Error, Result};
use crate::model::{Kind, TypeId};
use crate::read::TypeRef;

/// How far a type has been printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    New,
    /// Waits for the types it needs.
    Open,
    Done,
}

/// What one type needs of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// That its name is declared: behind a pointer, or as parameter.
    Declared,
    /// That it is complete, if that is possible: an array of it is pointed to.
    Wanted,
    /// That it is complete.
    Complete,
}

#[derive(Clone, Copy, Debug)]
struct Dependency {
    id: TypeId,
    need: Need,
}

/// A type whose dependencies are being printed.
#[derive(Debug)]
struct Frame {
    id: TypeId,
    /// Its dependencies are those from here to `end` in the common stack.
    start: usize,
    next: usize,
    end: usize,
}

/// What has been printed, and what is to be.
#[derive(Debug)]
pub(super) struct Order {
    states: Vec<State>,
    declared: Vec<bool>,
    /// Types whose name has been declared.
    queue: Vec<TypeId>,
    taken: usize,
    /// Number of the last search that met a type, and the needs it met it with, a bit each.
    met: Vec<(u32, u8)>,
    search: u32,
    dependencies: Vec<Dependency>,
    work: Vec<Dependency>,
}

impl Order {
    pub(super) fn new(ids: usize) -> Self {
        Self {
            states: vec![State::New; ids],
            declared: vec![false; ids],
            queue: Vec::new(),
            taken: 0,
            met: vec![(0, 0); ids],
            search: 0,
            dependencies: Vec::new(),
            work: Vec::new(),
        }
    }

    pub(super) fn state(&self, id: TypeId) -> State {
        self.states.get(id.index()).copied().unwrap_or(State::Done)
    }

    fn set_state(&mut self, id: TypeId, state: State) {
        if let Some(entry) = self.states.get_mut(id.index()) {
            *entry = state;
        }
    }

    /// The next type that has been declared but perhaps not defined.
    pub(super) fn next_declared(&mut self) -> Option<TypeId> {
        let id = self.queue.get(self.taken).copied()?;
        self.taken += 1;
        Some(id)
    }

    /// Whether this is the first time that the current search meets a type with this need.
    fn meet(&mut self, dependency: Dependency) -> bool {
        let bit = 1 << dependency.need as u8;
        match self.met.get_mut(dependency.id.index()) {
            Some((search, needs)) if *search == self.search => {
                let is_first = *needs & bit == 0;
                *needs |= bit;
                is_first
            }
            Some(entry) => {
                *entry = (self.search, bit);
                true
            }
            None => false,
        }
    }
}

impl<'a> Printer<'_, '_, 'a> {
    /// Prints a type after all it needs. Depth is bound by the number of types, so the stack is a
    /// vector.
    pub(super) fn emit(&mut self, root: TypeId) -> Result<()> {
        let mut stack = Vec::new();
        if self.order.state(root) == State::New {
            stack.push(self.open(root)?);
        }
        while let Some(frame) = stack.last_mut() {
            if frame.next == frame.end {
                let ty = self.btf.get(frame.id)?;
                self.define_top(&ty)?;
                self.order.set_state(frame.id, State::Done);
                self.order.dependencies.truncate(frame.start);
                stack.pop();
                continue;
            }
            let Some(&Dependency { id, need }) = self.order.dependencies.get(frame.next) else {
                break;
            };
            frame.next += 1;
            match (need, self.order.state(id)) {
                (_, State::Done) | (Need::Wanted, State::Open) => {}
                (Need::Declared, _) => self.declare_once(id)?,
                (Need::Complete, State::Open) => {
                    return Err(Error::Type {
                        ty: id,
                        problem: "is part of its own definition",
                    });
                }
                (_, State::New) => stack.push(self.open(id)?),
            }
        }
        Ok(())
    }

    /// Whatever a root may be, only what has a definition is printed.
    fn define_top(&mut self, ty: &TypeRef<'a>) -> Result<()> {
        let is_named = !ty.name_bytes().is_empty();
        match ty.kind() {
            Kind::Struct | Kind::Union if !is_named => Ok(()),
            Kind::Typedef if self.is_expanded(ty) => Ok(()),
            Kind::Fwd => self.declare_once(ty.id()),
            _ => self.define(ty),
        }
    }

    fn declare_once(&mut self, id: TypeId) -> Result<()> {
        match self.order.declared.get_mut(id.index()) {
            Some(declared) if !*declared => *declared = true,
            _ => return Ok(()),
        }
        self.order.queue.push(id);
        let ty = self.btf.get(id)?;
        self.declare(&ty)
    }

    /// Starts on a type by collecting what it needs.
    fn open(&mut self, id: TypeId) -> Result<Frame> {
        self.order.set_state(id, State::Open);
        self.order.search += 1;
        let start = self.order.dependencies.len();
        let mut work = std::mem::take(&mut self.order.work);
        work.clear();
        let ty = self.btf.get(id)?;
        let mut need = |id, need| work.push(Dependency { id, need });
        match ty.kind() {
            Kind::Struct | Kind::Union => ty.members().for_each(|m| need(m.ty, Need::Complete)),
            Kind::Enum | Kind::Enum64 | Kind::Fwd => {}
            Kind::Typedef | Kind::Func | Kind::Var => need(ty.target(), Need::Declared),
            // A root that C has no definition for stands for what it refers to.
            _ => need(id, Need::Complete),
        }
        // In the order of the members, so that the header reads in that order too.
        let mut at = 0;
        while let Some(&dependency) = work.get(at) {
            at += 1;
            if self.order.meet(dependency) {
                self.follow(dependency, &mut work)?;
            }
        }
        self.order.work = work;
        Ok(Frame {
            id,
            start,
            next: start,
            end: self.order.dependencies.len(),
        })
    }

    /// Notes a dependency on a named type; of any other, adds what it is made of to `work`.
    fn follow(&mut self, dependency: Dependency, work: &mut Vec<Dependency>) -> Result<()> {
        let Dependency { id, need } = dependency;
        let ty = self.btf.get(id)?;
        let is_named = !ty.name_bytes().is_empty();
        let on = |need| Dependency { id, need };
        let target = |id, need| Dependency { id, need };
        match ty.kind() {
            Kind::Struct | Kind::Union if is_named => self.order.dependencies.push(on(need)),
            Kind::Struct | Kind::Union => {
                work.extend(ty.members().map(|m| target(m.ty, Need::Complete)));
            }
            Kind::Enum | Kind::Enum64 if is_named => {
                self.order.dependencies.push(on(Need::Complete));
            }
            Kind::Fwd => self.order.dependencies.push(on(Need::Declared)),
            Kind::Typedef => {
                if !self.is_expanded(&ty) {
                    self.order.dependencies.push(on(Need::Complete));
                    // It declares what it stands for; to look there too, from each typedef of a long
                    // chain, would take the square of its length.
                    if need == Need::Declared {
                        return Ok(());
                    }
                }
                work.push(target(ty.target(), need));
            }
            Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
                work.push(target(ty.target(), need));
            }
            Kind::Ptr => work.push(target(ty.target(), Need::Declared)),
            Kind::Array => {
                let need = match need {
                    Need::Declared => Need::Wanted,
                    need => need,
                };
                work.push(target(ty.array().0, need));
            }
            Kind::FuncProto => {
                work.push(target(ty.target(), Need::Declared));
                work.extend(ty.params().map(|p| target(p.ty, Need::Declared)));
            }
            _ => {}
        }
        Ok(())
    }
}
