// Runs the pieces of a crate: measured by Criterion, or a number of times for valgrind to count.
// Included in each crate's `benches/pieces.rs`.

use criterion::Criterion;

/// Something to measure, with its name.
pub(crate) type Piece = (String, Box<dyn FnMut()>);

/// Creates a piece with this name.
pub(crate) fn piece<T>(name: &str, mut work: impl FnMut() -> T + 'static) -> Piece {
    let run = move || {
        std::hint::black_box(work());
    };
    (name.to_owned(), Box::new(run))
}

/// Runs all pieces with Criterion. With `PIECE` and `TIMES` in the environment, runs the piece with
/// that name that many times instead. A piece may create what it needs when it first runs.
pub(crate) fn run(pieces: Vec<Piece>) {
    let setting = |name| std::env::var(name).ok();
    if let (Some(wanted), Some(times)) = (setting("PIECE"), setting("TIMES")) {
        let times: u32 = times.parse().expect("TIMES is a number");
        let mut pieces = pieces.into_iter();
        let (_, mut work) = pieces.find(|(name, _)| *name == wanted).expect("a piece");
        return (0..times).for_each(|_| work());
    }
    let mut criterion = Criterion::default().configure_from_args();
    for (name, mut work) in pieces {
        criterion.bench_function(&name, |bencher| bencher.iter(&mut work));
    }
    criterion.final_summary();
}
