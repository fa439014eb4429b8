/// Steps through something that is read a part at a time, until a part is not full. Steps that
/// never end are a failure, not a test that hangs.
pub(super) struct Steps<I> {
    what: String,
    size: usize,
    steps_left: usize,
    at_end: bool,
    /// Everything that was read so far.
    pub(super) seen: Vec<I>,
}

impl<I> Steps<I> {
    /// Steps of a size through so many things.
    pub(super) fn new(what: &str, size: usize, things: usize) -> Self {
        Self {
            what: format!("{what} in steps of {size}"),
            size,
            // The last step is the one that is not full.
            steps_left: things / size + 1,
            at_end: false,
            seen: Vec::new(),
        }
    }

    /// Whether to read another part.
    pub(super) fn go_on(&mut self) -> bool {
        if self.at_end {
            return false;
        }
        assert!(
            self.steps_left > 0,
            "{}: expected an end by now, but every step was full; {} things were read",
            self.what,
            self.seen.len()
        );
        self.steps_left -= 1;
        true
    }

    /// Takes the part that was read.
    pub(super) fn take(&mut self, part: Vec<I>) {
        let (size, got) = (self.size, part.len());
        assert!(
            got <= size,
            "{}: expected at most {size} things, got {got}",
            self.what
        );
        self.at_end = got < size;
        self.seen.extend(part);
    }
}
