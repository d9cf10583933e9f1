//! `-m` and MODEL arguments: which model is used.

use speech2face::{Device, ModelSource, SHIPPED, Speech2Face};

/// The option that names a model.
#[derive(clap::Args)]
pub struct ModelChoice {
    /// Model: compact (part of the program), a model folder, a run folder of `train`, or
    /// hf:OWNER/NAME, pulled before with `model pull`
    #[arg(short, long, value_name = "NAME|FOLDER", default_value = SHIPPED)]
    #[arg(env = "SPEECH2FACE_MODEL", hide_env_values = true)]
    model: String,
}

impl ModelChoice {
    /// Opens the model on `device`.
    ///
    /// # Errors
    /// Names the file of the model that is missing or damaged, and the reason.
    pub fn open(&self, device: &Device) -> anyhow::Result<Speech2Face> {
        Ok(ModelSource::resolve(&self.model)?.open(device)?)
    }
}
