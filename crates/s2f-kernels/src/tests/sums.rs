//! A sum over shards, against its definition.

use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use burn::tensor::{Device, Tensor};

use crate::Sum;

/// The loss of each shard is the sum of all shards times its own weights: the gradient of each
/// shard is the sum of the weights of both.
#[test]
fn the_gradient_of_a_sum_over_shards_is_the_sum_of_the_gradients() {
    // The first call of each shard adds its values, the second its gradient.
    let sums = Arc::new(Mutex::new([[0.0_f32; 2]; 2]));
    let barrier = Arc::new(Barrier::new(2));
    let shards = [([1.0_f32, -2.0], [10.0_f32, 100.0]), ([0.5, 4.0], [1000.0, 1.0])];
    let work = |(values, weights): ([f32; 2], [f32; 2])| {
        let (sums, barrier, call) = (Arc::clone(&sums), Arc::clone(&barrier), Mutex::new(0));
        let sum = Sum::new(move |own| {
            let mut call = call.lock().unwrap();
            let place = *call;
            *call += 1;
            sums.lock().unwrap()[place].iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            barrier.wait();
            sums.lock().unwrap()[place].to_vec()
        });
        let device = Device::flex().autodiff();
        let values = Tensor::<1>::from_floats(values, &device).require_grad();
        let found = sum.of(values.clone());
        let loss = (found.clone() * Tensor::from_floats(weights, &device)).sum();
        let gradient = values.grad(&loss.backward()).unwrap();
        [found.inner(), gradient].map(|tensor| tensor.into_data().iter::<f32>().collect::<Vec<_>>())
    };
    let found: Vec<[Vec<f32>; 2]> = thread::scope(|scope| {
        let work = &work;
        let threads = shards.map(|shard| scope.spawn(move || work(shard)));
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for [sum, gradient] in found {
        assert_eq!(sum, [1.5, 2.0]);
        assert_eq!(gradient, [1010.0, 101.0]);
    }
    // Without gradients.
    let plain = Tensor::<1>::from_floats([3.0], &Device::flex());
    let doubled = Sum::new(|own| own.into_iter().map(|x| 2.0 * x).collect()).of(plain);
    assert_eq!(doubled.into_scalar::<f32>(), 6.0);
}
