//! Layers of the voice encoders, forward and backward.
//!
//!     RAYON_NUM_THREADS=1 cargo bench -p s2f-kernels

use criterion::{Criterion, criterion_group, criterion_main};
use s2f_kernels::Activation;
use s2f_kernels::convolution::{self, Finish, Shape};
use s2f_kernels::isa::Isa;

/// A name; height, width and channels of the input for 6 s of speech; output channels, stride,
/// pool.
type Layer = (&'static str, [usize; 3], usize, [usize; 2], bool);

const LAYERS: [Layer; 6] = [
    ("paper 1, two channels", [598, 257, 2], 64, [1, 1], false),
    ("paper 4, pool", [294, 248, 128], 128, [1, 1], true),
    ("paper 8, stride 2", [31, 236, 512], 512, [2, 2], false),
    ("compact 1, one channel", [598, 257, 1], 8, [2, 2], false),
    ("compact 4, pool", [145, 59, 16], 24, [1, 1], true),
    ("compact 6, stride (1, 2)", [68, 53, 32], 48, [1, 2], false),
];

fn layers(criterion: &mut Criterion) {
    let isa = Isa::best();
    for (name, input, outputs, stride, pool) in LAYERS {
        let shape = Shape { batch: 1, input, outputs, kernel: [4, 4], stride };
        let [height, width, _] = shape.output();
        let rows = if pool { height / 2 } else { height };
        let kernels = vec![0.01; shape.kernel_length()];
        let source = vec![0.5; shape.input_length()];
        let gradient = vec![0.5; shape.output_length()];
        let channels = vec![0.1; outputs];
        let mut output = vec![0.0; rows * width * outputs];
        let mut input_gradient = source.clone();
        let mut kernel_gradient = kernels.clone();
        let finish = Finish {
            bias: Some(&channels),
            activation: Activation::Relu,
            norm: Some([&channels, &channels]),
        };
        let mut group = criterion.benchmark_group(name);
        group.bench_function("forward", |bench| {
            bench.iter(|| {
                convolution::convolve(isa, &shape, &kernels, &source, finish, pool, &mut output);
            });
        });
        group.bench_function("gradient of the input", |bench| {
            bench.iter(|| {
                let to = &mut input_gradient;
                convolution::input_gradient(isa, &shape, &kernels, &gradient, to);
            });
        });
        group.bench_function("gradient of the kernels", |bench| {
            bench.iter(|| {
                let to = &mut kernel_gradient;
                convolution::kernel_gradient(isa, &shape, &source, &gradient, to);
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = layers
}
criterion_main!(benches);
