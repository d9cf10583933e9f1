//! Safetensors files with the names and layouts of PyTorch.
//!
//! A file written here loads into the PyTorch network of the same structure with
//! `load_state_dict(safetensors.torch.load_file(path), strict=False)`, and the other way round:
//! matrices of linear layers are stored as `[output, input]`, and Burn's `gamma` and `beta` of a
//! normalisation as `weight` and `bias`. PyTorch's counters `num_batches_tracked` are neither
//! written nor required.
//!
//! `burn-store` reads and writes such files too. It is not used because it copies embedded bytes,
//! leaves `f16` tensors in `f16`, and reports errors as text.

mod load;
mod module_path;
mod save;

pub use load::{load, load_file, load_shared};
pub(super) use module_path::ModulePath;
pub use module_path::is_named;
pub(crate) use module_path::transposed;
pub use save::{Precision, save, save_file};

use super::WeightsError;

fn malformed(error: safetensors::SafeTensorError) -> WeightsError {
    WeightsError::Malformed { format: "safetensors", reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use burn::module::Module;
    use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
    use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
    use burn::tensor::{Device, Tensor, TensorData, Tolerance};
    use safetensors::tensor::{Dtype, SafeTensors, TensorView};

    use super::*;
    use crate::tests::{Reference, cpu};

    /// Written by `reference/nn/weights.py`: the state of the PyTorch twin of [`Net`], an input
    /// and the output that PyTorch computes in evaluation mode.
    const STATE: &[u8] = include_bytes!("../../../../reference/nn/weights_state.safetensors");
    const VALUES: &[u8] = include_bytes!("../../../../reference/nn/weights_values.safetensors");

    /// One layer of each kind whose names or layouts differ between Burn and PyTorch, one of them
    /// in an enum.
    #[derive(Module, Debug)]
    struct Net {
        convs: Vec<Conv2d>,
        norm: Norm,
        up: ConvTranspose2d,
        linear: Linear,
    }

    #[derive(Module, Debug)]
    enum Norm {
        Batch(BatchNorm),
    }

    impl Net {
        fn init(hidden: usize, device: &Device) -> Self {
            Self {
                convs: vec![
                    Conv2dConfig::new([2, 4], [3, 3]).init(device),
                    Conv2dConfig::new([4, 4], [1, 1]).with_groups(2).with_bias(false).init(device),
                ],
                norm: Norm::Batch(BatchNormConfig::new(4).init(device)),
                up: ConvTranspose2dConfig::new([4, 3], [2, 2]).with_stride([2, 2]).init(device),
                linear: LinearConfig::new(48, hidden).init(device),
            }
        }

        fn forward(&self, x: Tensor<4>) -> Tensor<2> {
            let x = self.convs.iter().fold(x, |x, conv| conv.forward(x)); // [n, 4, 2, 2]
            let Norm::Batch(norm) = &self.norm;
            let x = self.up.forward(norm.forward(x)); // [n, 3, 4, 4]
            self.linear.forward(x.flatten(1, 3)) // [n, hidden]
        }
    }

    fn reference<const D: usize>(name: &str) -> Tensor<D> {
        Reference::new(VALUES).floats(name, &cpu())
    }

    fn output(net: &Net, device: &Device) -> TensorData {
        net.forward(reference("input").to_device(device)).into_data()
    }

    #[test]
    fn weights_from_pytorch_give_the_same_output() {
        let device = cpu();
        let net = load(Net::init(5, &device), STATE).unwrap();
        // Sums of at most 48 products of values around 1, in single precision.
        output(&net, &device).assert_approx_eq::<f32>(
            &reference::<2>("output").into_data(),
            Tolerance::absolute(1e-5),
        );
    }

    #[test]
    fn full_precision_survives_the_round_trip() {
        let device = cpu();
        let net = load(Net::init(5, &device), STATE).unwrap();
        let bytes = save(&net, Precision::Full).unwrap();
        let again = load(Net::init(5, &device), &bytes).unwrap();
        output(&again, &device).assert_eq(&output(&net, &device), true);
        assert_eq!(save(&again, Precision::Full).unwrap(), bytes);

        let ours = SafeTensors::deserialize(&bytes).unwrap();
        let theirs = SafeTensors::deserialize(STATE).unwrap();
        for (name, tensor) in ours.iter() {
            assert_eq!(tensor.data(), theirs.tensor(name).unwrap().data(), "{name}");
        }
        assert_eq!(ours.len() + 1, theirs.len()); // PyTorch counts batches
    }

    #[test]
    fn shared_bytes_give_the_same_weights() {
        let net = load(Net::init(5, &cpu()), STATE).unwrap();
        let (expected, saved) = (output(&net, &cpu()), save(&net, Precision::Full).unwrap());
        // Also where no float is aligned, so that they are copied after all.
        for offset in 0..2 {
            let bytes = bytes::Bytes::from([&[0; 1][..offset], STATE].concat()).slice(offset..);
            for device in [cpu(), cpu().autodiff()] {
                let shared = load_shared(Net::init(5, &device), &bytes).unwrap();
                assert_eq!(save(&shared, Precision::Full).unwrap(), saved);
                if !device.is_autodiff() {
                    output(&shared, &device)
                        .assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
                }
            }
        }
    }

    #[test]
    fn half_precision_halves_matrices_and_keeps_vectors() {
        let device = cpu();
        let net = load(Net::init(5, &device), STATE).unwrap();
        let bytes = save(&net, Precision::Half).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        for (name, tensor) in file.iter() {
            let expected = if tensor.shape().len() > 1 { Dtype::F16 } else { Dtype::F32 };
            assert_eq!(tensor.dtype(), expected, "{name}");
        }
        let again = load(Net::init(5, &device), &bytes).unwrap();
        // Eleven significant bits in each weight.
        output(&again, &device)
            .assert_approx_eq::<f32>(&output(&net, &device), Tolerance::absolute(5e-3));
        assert_eq!(save(&again, Precision::Half).unwrap(), bytes);
    }

    #[test]
    fn half_precision_refuses_values_beyond_its_range() {
        let device = cpu();
        let mut net = Net::init(5, &device);
        net.linear.weight = net.linear.weight.map(|w| w.mul_scalar(0.0).add_scalar(7e4));
        let problem = save(&net, Precision::Half).unwrap_err();
        let WeightsError::TooLargeForHalf { tensor, .. } = &problem else { panic!("{problem}") };
        assert_eq!(tensor, "linear.weight");
        save(&net, Precision::Full).unwrap();
    }

    #[test]
    fn gradient_settings_and_identities_stay_those_of_the_module() {
        let device = cpu().autodiff();
        let net = Net::init(5, &device);
        let id = net.linear.weight.id;
        let net = load(net, STATE).unwrap();
        assert_eq!(net.linear.weight.id, id);
        assert!(net.linear.weight.is_require_grad());
        let Norm::Batch(norm) = &net.norm;
        assert!(!norm.running_mean.value().is_require_grad());
        let frozen = load(Net::init(5, &device).freeze(), STATE).unwrap();
        assert!(!frozen.linear.weight.is_require_grad());
    }

    /// The state without one tensor, or with another one.
    fn edited(without: &str, with: Option<(&str, Dtype)>) -> Vec<u8> {
        let file = SafeTensors::deserialize(STATE).unwrap();
        let mut tensors: Vec<_> = file.iter().filter(|(name, _)| *name != without).collect();
        if let Some((name, dtype)) = with {
            tensors.push((name, TensorView::new(dtype, vec![4], &[0; 16]).unwrap()));
        }
        safetensors::serialize(tensors, None).unwrap()
    }

    #[test]
    fn misfits_are_named() {
        let check = |hidden: usize, bytes: &[u8], message: &str| {
            let problem = load(Net::init(hidden, &cpu()), bytes).unwrap_err();
            assert!(problem.to_string().starts_with(message), "{problem}");
        };
        let none = "no such tensor";
        check(5, &edited("norm.weight", None), "no weights for norm.weight;");
        check(5, &edited("norm.running_var", None), "no weights for norm.running_var;");
        check(5, &edited(none, Some(("extra", Dtype::F32))), "unexpected tensors extra;");
        check(6, STATE, "tensor linear.weight has the shape [5, 48], the network needs [6, 48];");
        check(
            5,
            &edited("norm.weight", Some(("norm.weight", Dtype::I32))),
            "tensor norm.weight has the type I32;",
        );
        check(5, b"", "not a complete safetensors file:");
        check(5, &STATE[..STATE.len() - 1], "not a complete safetensors file:");
        check(5, &[0xff; 64], "not a complete safetensors file:");
    }

    #[test]
    fn errors_name_the_file_and_files_are_replaced_atomically() {
        let device = cpu();
        let folder = std::env::temp_dir().join(format!("s2f-weights-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("model.safetensors");
        let net = load(Net::init(5, &device), STATE).unwrap();

        let problem = load_file(Net::init(5, &device), &path).unwrap_err();
        assert!(problem.to_string().contains("model.safetensors; hint: "), "{problem}");
        save_file(&net, &path, Precision::Full).unwrap();
        save_file(&net, &path, Precision::Half).unwrap();
        load_file(Net::init(5, &device), &path).unwrap();
        let problem = load_file(Net::init(6, &device), &path).unwrap_err().to_string();
        assert!(problem.contains("model.safetensors: tensor linear.weight"), "{problem}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        // A folder cannot be replaced by a file; no temporary file stays behind.
        let other = folder.join("folder");
        fs::create_dir(&other).unwrap();
        assert!(save_file(&net, &other, Precision::Full).is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }
}
