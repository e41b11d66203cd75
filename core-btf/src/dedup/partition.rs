//! Partition refinement: classes are split until all of a class refer to the same classes.

use std::cmp::Ordering;

use super::graph::{Graph, Node};

/// A node to be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Keyed {
    pub(super) class: u32,
    pub(super) hash: u64,
    pub(super) node: Node,
}

/// One more word into a hash that only has to be fast: equal hashes are always compared.
pub(super) const fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// Cuts nodes of one hash into groups of equal ones: one group, but for hash collisions.
pub(super) fn groups<'k>(
    same_hash: &'k mut [Keyed],
    compare: impl Fn(Node, Node) -> Ordering,
) -> impl Iterator<Item = &'k [Keyed]> {
    let is_equal = |a: &Keyed, b: &Keyed| compare(a.node, b.node) == Ordering::Equal;
    let all_equal = same_hash
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if is_equal(a, b)));
    if !all_equal {
        same_hash.sort_unstable_by(|a, b| compare(a.node, b.node).then(a.node.cmp(&b.node)));
    }
    let same_hash: &'k [Keyed] = same_hash;
    same_hash.chunk_by(move |a, b| compare(a.node, b.node) == Ordering::Equal)
}

/// Classes of nodes.
#[derive(Debug)]
pub(super) struct Partition {
    /// Class of each node.
    class: Vec<u32>,
    /// All nodes, class by class.
    nodes: Vec<Node>,
    /// Place of each node in `nodes`.
    place: Vec<u32>,
    /// For each class, where its nodes are.
    ranges: Vec<Range>,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    start: u32,
    len: u32,
}

impl Partition {
    /// The classes given for each node, which are numbered without gaps.
    pub(super) fn new(class: Vec<u32>) -> Self {
        let mut ranges: Vec<Range> = Vec::new();
        for &class in &class {
            let class = class as usize;
            if class >= ranges.len() {
                ranges.resize(class + 1, Range { start: 0, len: 0 });
            }
            if let Some(range) = ranges.get_mut(class) {
                range.len += 1;
            }
        }
        let mut start = 0;
        for range in &mut ranges {
            range.start = start;
            start += range.len;
        }
        let mut ends: Vec<u32> = ranges.iter().map(|range| range.start).collect();
        let (mut nodes, mut place) = (vec![0; class.len()], vec![0; class.len()]);
        for (node, &class) in (0..).zip(&class) {
            if let Some(end) = ends.get_mut(class as usize) {
                set(&mut nodes, *end, node);
                set(&mut place, node, *end);
                *end += 1;
            }
        }
        Self {
            class,
            nodes,
            place,
            ranges,
        }
    }

    /// Number of classes.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Class of a node.
    pub(super) fn class(&self, node: Node) -> u32 {
        get(&self.class, node)
    }

    /// Splits classes until the nodes of each have one shape and refer to the same classes, position
    /// by position. Announcements go with the definitions of their class as long as those are not
    /// told apart, and then keep to themselves.
    ///
    /// Splitting leaves the number of a class to its largest part and looks again only at what
    /// refers to the others. So a node is looked at `log n` times for each reference it has.
    pub(super) fn refine(&mut self, graph: &Graph, shapes: &[u32], announcements: &[bool]) {
        let mut waiting: Vec<Vec<Node>> = vec![Vec::new(); self.len()];
        let mut changed: Vec<Node> = Vec::new();
        for (node, &announces) in (0..).zip(announcements) {
            if self.is_alone(node) {
                continue;
            }
            if !announces {
                changed.push(node);
            } else if let Some(waiting) = waiting.get_mut(self.class(node) as usize) {
                waiting.push(node);
            }
        }
        let mut marks = vec![0_u32; self.class.len()];
        let mut round = 0;
        let mut keyed: Vec<Keyed> = Vec::new();
        let mut moved: Vec<(Node, u32)> = Vec::new();
        while !changed.is_empty() {
            let signature = |node| {
                let targets = graph.targets(node).iter();
                let classes = targets.map(|&target| self.class(target));
                std::iter::once(get(shapes, node)).chain(classes)
            };
            keyed.clear();
            keyed.extend(changed.iter().map(|&node| Keyed {
                class: self.class(node),
                hash: signature(node).map(u64::from).fold(0, mix),
                node,
            }));
            keyed.sort_unstable();
            let mut parts: Vec<Part> = Vec::new();
            for same_hash in keyed.chunk_by_mut(|a, b| (a.class, a.hash) == (b.class, b.hash)) {
                let compare = |a, b| signature(a).cmp(signature(b));
                parts.extend(groups(same_hash, compare).map(Part::of));
            }
            // Numbers change only now: all signatures are of the classes before this round.
            let mut rest = keyed.as_slice();
            for parts in parts.chunk_by(|a, b| a.class == b.class) {
                self.split(parts, &mut rest, &mut waiting, &mut moved);
            }
            changed.clear();
            round += 1;
            for &(node, class) in &moved {
                set(&mut self.class, node, class);
            }
            for (node, _) in moved.drain(..) {
                for &user in graph.users(node) {
                    if get(&marks, user) != round && !self.is_alone(user) {
                        set(&mut marks, user, round);
                        changed.push(user);
                    }
                }
            }
        }
    }

    /// Whether a node is all of its class, which then cannot be split.
    fn is_alone(&self, node: Node) -> bool {
        get_range(&self.ranges, self.class(node)).len == 1
    }

    /// Splits a class into the parts that its changed nodes fall into, which stand at the start of
    /// `rest`, and its other nodes.
    fn split(
        &mut self,
        parts: &[Part],
        rest: &mut &[Keyed],
        waiting: &mut [Vec<Node>],
        moved: &mut Vec<(Node, u32)>,
    ) {
        let Some(class) = parts.first().map(|part| part.class) else {
            return;
        };
        let changed: u32 = parts.iter().map(|part| part.len).sum();
        let (changed_nodes, others) = rest.split_at_checked(changed as usize).unwrap_or_default();
        *rest = others;
        let mut waiting_nodes = waiting.get_mut(class as usize);
        let waiting_len = waiting_nodes.as_ref().map_or(0, |nodes| nodes.len());
        let whole = get_range(&self.ranges, class);
        let unchanged = whole.len as usize - waiting_len - changed as usize;
        if parts.len() + usize::from(unchanged > 0) == 1 {
            return;
        }

        let mut pieces: Vec<Range> = Vec::with_capacity(parts.len() + 2);
        let mut end = whole.start + whole.len;
        let mut changed_nodes = changed_nodes.iter().map(|keyed| keyed.node);
        for part in parts {
            let nodes = changed_nodes.by_ref().take(part.len as usize);
            pieces.push(self.gather(nodes, &mut end));
        }
        if let Some(nodes) = waiting_nodes.take_if(|nodes| !nodes.is_empty()) {
            pieces.push(self.gather(nodes.drain(..), &mut end));
        }
        if end > whole.start {
            let len = end - whole.start;
            pieces.push(Range { len, ..whole });
        }
        let largest = (0..).zip(&pieces).max_by_key(|(_, piece)| piece.len);
        let largest = largest.map_or(0, |(at, _)| at);
        for (at, piece) in pieces.into_iter().enumerate() {
            if at == largest {
                if let Some(range) = self.ranges.get_mut(class as usize) {
                    *range = piece;
                }
                continue;
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "no more classes than nodes"
            )]
            let new = self.ranges.len() as u32;
            self.ranges.push(piece);
            let nodes = (self.nodes).get(piece.start as usize..(piece.start + piece.len) as usize);
            moved.extend(nodes.unwrap_or_default().iter().map(|&node| (node, new)));
        }
    }

    /// Moves nodes of a class to the end of what is left of its range, which ends at `end`.
    fn gather(&mut self, nodes: impl Iterator<Item = Node>, end: &mut u32) -> Range {
        let last = *end;
        for node in nodes {
            *end -= 1;
            let (from, other) = (get(&self.place, node), get(&self.nodes, *end));
            set(&mut self.nodes, from, other);
            set(&mut self.place, other, from);
            set(&mut self.nodes, *end, node);
            set(&mut self.place, node, *end);
        }
        Range {
            start: *end,
            len: last - *end,
        }
    }
}

/// Changed nodes of a class that stay together.
#[derive(Clone, Copy, Debug)]
struct Part {
    class: u32,
    len: u32,
}

impl Part {
    fn of(nodes: &[Keyed]) -> Self {
        Self {
            class: nodes.first().map_or(0, |keyed| keyed.class),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "no more than there are nodes"
            )]
            len: nodes.len() as u32,
        }
    }
}

/// An entry of a table that has one for every node; 0 if it had none.
fn get(table: &[u32], at: u32) -> u32 {
    table.get(at as usize).copied().unwrap_or_default()
}

fn set(table: &mut [u32], at: u32, value: u32) {
    if let Some(entry) = table.get_mut(at as usize) {
        *entry = value;
    }
}

fn get_range(ranges: &[Range], class: u32) -> Range {
    let none = Range { start: 0, len: 0 };
    ranges.get(class as usize).copied().unwrap_or(none)
}
