#![allow(unsafe_code, missing_docs, clippy::all)]
use rand::{Rng, SeedableRng};
use s2f_kernels::{finish::*, isa::*, winograd::*};
fn cpu() -> f64 {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|d| {
            std::fs::read_to_string(d.unwrap().path().join("schedstat"))
                .unwrap()
                .split(' ')
                .next()
                .unwrap()
                .parse::<f64>()
                .unwrap()
        })
        .sum::<f64>()
        / 1e9
}
fn main() {
    let mut rng = rand::rngs::SmallRng::seed_from_u64(1);
    let only = std::env::args().nth(1).is_some();
    for isa in Isa::all() {
        if only {
            break;
        }
        for (b, h, w, ci, co, s, pool) in [
            (2, 13, 11, 5, 7, [1, 1], false),
            (1, 13, 18, 16, 40, [1, 1], true),
            (2, 15, 14, 9, 33, [2, 2], false),
            (1, 12, 17, 24, 48, [1, 2], false),
            (1, 16, 17, 20, 70, [2, 1], true),
        ] {
            let x: Vec<f32> = (0..b * h * w * ci).map(|_| rng.random_range(-1.0..1.0)).collect();
            let k: Vec<f32> = (0..16 * co * ci).map(|_| rng.random_range(-1.0..1.0)).collect();
            let bias: Vec<f32> = (0..co).map(|_| rng.random_range(-1.0..1.0)).collect();
            let (oh, ow) = ((h - 4) / s[0] + 1, (w - 4) / s[1] + 1);
            let rows = if pool { oh / 2 } else { oh };
            let mut y = vec![0.0f32; b * rows * ow * co];
            let wt = Weights { values: &k, outputs: co, inputs: ci, stride: s, adjoint: false };
            let geo = Geometry {
                batch: b,
                source: [h, w, ci],
                target: [oh, ow, co],
                stride: s,
                adjoint: false,
            };
            convolve(
                isa,
                geo,
                wt,
                &x,
                Finish { bias: Some(&bias), relu: true, norm: None },
                pool,
                &mut y,
            );
            let conv = |n: usize, oy: usize, ox: usize, o: usize| {
                let mut a = bias[o] as f64;
                for ky in 0..4 {
                    for kx in 0..4 {
                        for c in 0..ci {
                            a += x[((n * h + oy * s[0] + ky) * w + ox * s[1] + kx) * ci + c] as f64
                                * k[(o * ci + c) * 16 + ky * 4 + kx] as f64;
                        }
                    }
                }
                a.max(0.0)
            };
            let mut e = 0.0f64;
            let mut m = 0.0f64;
            for n in 0..b {
                for oy in 0..rows {
                    for ox in 0..ow {
                        for o in 0..co {
                            let r = if pool {
                                conv(n, 2 * oy, ox, o).max(conv(n, 2 * oy + 1, ox, o))
                            } else {
                                conv(n, oy, ox, o)
                            };
                            e = e.max((r - y[((n * rows + oy) * ow + ox) * co + o] as f64).abs());
                            m = m.max(r);
                        }
                    }
                }
            }
            // gradients
            let dz: Vec<f32> = (0..b * oh * ow * co).map(|_| rng.random_range(-1.0..1.0)).collect();
            let mut dx = vec![0.0f32; b * h * w * ci];
            let mut dw = vec![0.0f32; 16 * co * ci];
            let mut rdx = vec![0.0f64; b * h * w * ci];
            let mut rdw = vec![0.0f64; 16 * co * ci];
            for n in 0..b {
                for oy in 0..oh {
                    for ox in 0..ow {
                        for o in 0..co {
                            let g = dz[((n * oh + oy) * ow + ox) * co + o] as f64;
                            for ky in 0..4 {
                                for kx in 0..4 {
                                    for c in 0..ci {
                                        let xi = ((n * h + oy * s[0] + ky) * w + ox * s[1] + kx)
                                            * ci
                                            + c;
                                        let wi = (o * ci + c) * 16 + ky * 4 + kx;
                                        rdx[xi] += g * k[wi] as f64;
                                        rdw[wi] += g * x[xi] as f64;
                                    }
                                }
                            }
                        }
                    }
                }
            }
            convolve(
                isa,
                Geometry {
                    batch: b,
                    source: [oh, ow, co],
                    target: [h, w, ci],
                    stride: s,
                    adjoint: true,
                },
                Weights { adjoint: true, ..wt },
                &dz,
                Finish::default(),
                false,
                &mut dx,
            );
            gradient(isa, geo, wt, &x, &dz, &mut dw);
            let d = |a: &[f32], b: &[f64]| {
                a.iter().zip(b).map(|(a, b)| (*a as f64 - b).abs()).fold(0.0, f64::max)
            };
            let mx = |b: &[f64]| b.iter().map(|b| b.abs()).fold(0.0, f64::max);
            println!(
                "{} {s:?} max err fwd {:.1e} dx {:.1e} dw {:.1e} (relative to max)",
                isa.name(),
                e / m,
                d(&dx, &rdx) / mx(&rdx),
                d(&dw, &rdw) / mx(&rdw)
            );
        }
    }
    if std::env::args().nth(1).is_none() {
        return;
    }
    let isa = Isa::best();
    for (b, h, w, ci, co, s, pool) in [
        (1, 595, 254, 64, 64, 1, false),
        (1, 592, 251, 64, 128, 1, false),
        (1, 589, 248, 128, 128, 1, true),
        (1, 294, 248, 128, 128, 1, true),
        (1, 145, 245, 128, 128, 1, true),
        (1, 71, 242, 128, 256, 1, true),
        (1, 34, 239, 256, 512, 1, false),
        (1, 31, 236, 512, 512, 2, false),
        (1, 14, 117, 512, 512, 2, false),
    ] {
        let x = vec![0.5f32; b * h * w * ci];
        let k = vec![0.1f32; 16 * co * ci];
        let s = [s, s];
        let (oh, ow) = ((h - 4) / s[0] + 1, (w - 4) / s[1] + 1);
        let rows = if pool { oh / 2 } else { oh };
        let wt = Weights { values: &k, outputs: co, inputs: ci, stride: s, adjoint: false };
        let geo = Geometry {
            batch: b,
            source: [h, w, ci],
            target: [oh, ow, co],
            stride: s,
            adjoint: false,
        };
        let mut y = vec![0.0f32; b * rows * ow * co];
        let dz = vec![0.1f32; b * oh * ow * co];
        let mut dx = vec![0.0f32; b * h * w * ci];
        let mut dw = vec![0.0f32; 16 * co * ci];
        let gm = (b * oh * ow * co * ci * 16) as f64 / 1e9;
        let time = |f: &mut dyn FnMut()| {
            let mut best = f64::MAX;
            for _ in 0..2 {
                let t = cpu();
                f();
                best = best.min(cpu() - t);
            }
            best
        };
        let f = time(&mut || {
            convolve(
                isa,
                geo,
                wt,
                &x,
                Finish { bias: Some(&k[..co]), relu: true, norm: Some([&k[..co], &k[..co]]) },
                pool,
                &mut y,
            )
        });
        let a = time(&mut || {
            convolve(
                isa,
                Geometry {
                    batch: b,
                    source: [oh, ow, co],
                    target: [h, w, ci],
                    stride: s,
                    adjoint: true,
                },
                Weights { adjoint: true, ..wt },
                &dz,
                Finish::default(),
                false,
                &mut dx,
            )
        });
        let g = time(&mut || gradient(isa, geo, wt, &x, &dz, &mut dw));
        println!(
            "{ci}->{co} s{} fwd {:.1} ms ({:.0} G/s)  dx {:.1} ms ({:.0})  dw {:.1} ms ({:.0})",
            s[0],
            f * 1e3,
            gm / f,
            a * 1e3,
            gm / a,
            g * 1e3,
            gm / g
        );
    }
}
