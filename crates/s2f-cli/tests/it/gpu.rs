//! Training on a GPU, perhaps one in software such as Mesa's llvmpipe. A build with the feature
//! `wgpu` has this test; without any such device it fails.

use crate::support::Folder;
use crate::training::{values, write_pairs};

const STEPS: usize = 20;

/// From the same fresh weights, which the same seed gives on every device.
#[test]
fn wgpu_makes_the_steps_of_the_cpu() {
    let folder = Folder::new();
    write_pairs(&folder);
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/contrastive.toml");
    let steps = format!("optimisation.steps={STEPS}");
    let settings = [
        "data.pairs.path=tones.parquet",
        "clips.seconds=1.2",
        "network.layers=[{ channels = 4, stride = [4, 2], pool = false }, \
         { channels = 8, stride = [2, 4], pool = true }, \
         { channels = 8, stride = [2, 2], pool = false }]",
        "network.hidden=16",
        "losses={ direction = 1.0, contrastive = 1.0, pixel = 0.5, pixel_batch = 2 }",
        "optimisation.batch=8",
        "watch={ checkpoint_every = 20, validate_every = 20, sheet_every = 0 }",
        &steps,
    ];
    for device in ["cpu", "wgpu"] {
        let mut arguments = vec!["train", "voice-encoder", config, "-o", device];
        arguments.extend(["--device", device]);
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        folder.run(arguments).exits(0);
    }
    for loss in ["direction", "contrastive", "pixel"] {
        let (cpu, wgpu) = (values(&folder, "cpu", loss), values(&folder, "wgpu", loss));
        assert_eq!((cpu.len(), wgpu.len()), (STEPS, STEPS), "{loss}");
        let largest = cpu.iter().zip(&wgpu).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        eprintln!("{loss}: {largest:.1e}");
        assert!(largest < 1e-3, "{loss}: {cpu:?}, {wgpu:?}");
    }
}
