#![allow(unsafe_code, missing_docs, clippy::all)]
use s2f_kernels::{isa::*, product::*, vector::*};
struct P<'a>(usize, usize, usize, &'a [f32], &'a [f32], &'a mut [f32]);
impl Kernel for P<'_> { type Output = ();
 #[inline(always)] unsafe fn run<V: Vector>(self) { let P(rows, lda, k, a, b, c) = self;
  unsafe { panel::<V, 2>(rows, Left{start: a.as_ptr(), row: lda, segments: 1, segment: 0, depth: k, step: 1}, Right{start: b.as_ptr(), step: 2*V::LANES}, &mut Store{start: c.as_mut_ptr(), row: 2*V::LANES, add: false}) } } }
fn main(){ for isa in Isa::all() { for (rows, lda, k) in [(56,144,128),(56,80,64),(55,144,128),(112,272,256),(20,144,128),(120,2064,2048)] {
  let a=vec![1.0f32; rows*lda]; let b=vec![1.0f32; k*32+64]; let mut c=vec![0.0f32; rows*32];
  let n = 400_000_000/(rows*k*32); let mut best=f64::MAX;
  for _ in 0..5 { let t=std::time::Instant::now(); for _ in 0..n { isa.run(P(rows,lda,k,&a,&b,&mut c)); } best=best.min(t.elapsed().as_secs_f64()); }
  println!("{} rows {rows} lda {lda} k {k}: {:.1} GMAC/s", isa.name(), (n*rows*k*2*isa.lanes()) as f64/best/1e9); } } }
