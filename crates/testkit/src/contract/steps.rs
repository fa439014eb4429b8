/// Reads items in steps, until a step returns fewer than its size. If the steps do not end, the
/// test fails instead of hanging.
pub(super) struct Steps<I> {
    what: String,
    size: usize,
    steps_left: usize,
    at_end: bool,
    /// All items read so far.
    pub(super) seen: Vec<I>,
}

impl<I> Steps<I> {
    /// Creates steps of a size through `items` items.
    pub(super) fn new(what: &str, size: usize, items: usize) -> Self {
        Self {
            what: format!("{what} in steps of {size}"),
            size,
            // The last step is the one that is not full.
            steps_left: items / size + 1,
            at_end: false,
            seen: Vec::new(),
        }
    }

    /// Whether to read another step.
    pub(super) fn go_on(&mut self) -> bool {
        if self.at_end {
            return false;
        }
        assert!(
            self.steps_left > 0,
            "{}: expected an end by now, but every step was full; {} items were read",
            self.what,
            self.seen.len()
        );
        self.steps_left -= 1;
        true
    }

    /// Adds the items of a step.
    pub(super) fn take(&mut self, items: Vec<I>) {
        let (size, got) = (self.size, items.len());
        assert!(
            got <= size,
            "{}: expected at most {size} items, got {got}",
            self.what
        );
        self.at_end = got < size;
        self.seen.extend(items);
    }
}
