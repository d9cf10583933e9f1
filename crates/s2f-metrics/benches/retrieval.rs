//! Time of an evaluation of 5000 people with the paper's 4096-dimensional features:
//! `cargo bench -p s2f-metrics`.

// The lints do not count benchmarks as tests.
#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use s2f_metrics::{Bootstrap, Distance, Vectors, ranks};

const PEOPLE: usize = 5000;
const DIMENSION: usize = 4096;
const DRAWS: usize = 1000;

fn random(seed: u64) -> Vectors {
    let mut random = SmallRng::seed_from_u64(seed);
    let values = (0..PEOPLE * DIMENSION).map(|_| random.random_range(-1.0..1.0)).collect();
    Vectors::new(values, DIMENSION)
}

fn retrieval(c: &mut Criterion) {
    let (voices, faces, centre) = (random(1), random(2), vec![0.1; DIMENSION]);
    let own: Vec<usize> = (0..PEOPLE).collect();
    let mut search = |name: &str, distances: &[Distance]| {
        c.bench_function(name, |b| {
            b.iter(|| ranks(black_box(&voices), &faces, &own, &centre, distances, &[]));
        });
    };
    search(
        "5000 by 5000, cosine, relative and L2",
        &[Distance::Cosine, Distance::Relative, Distance::L2],
    );
    search("5000 by 5000, L1", &[Distance::L1]);
}

fn intervals(c: &mut Criterion) {
    let sums: Vec<[f64; 2]> = (0..PEOPLE).map(|speaker| [speaker as f64, 2.0]).collect();
    c.bench_function("draw 5000 speakers 1000 times", |b| {
        b.iter(|| Bootstrap::new(black_box(PEOPLE), DRAWS, 1));
    });
    let bootstrap = Bootstrap::new(PEOPLE, DRAWS, 1);
    c.bench_function("interval of a mean of 5000 speakers", |b| {
        b.iter(|| bootstrap.mean(black_box(&sums)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = retrieval, intervals
}
criterion_main!(benches);
