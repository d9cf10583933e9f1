//! `-m`: which model is used.

use std::path::Path;

use anyhow::bail;
use speech2face::{SHIPPED, Speech2Face};

/// The option that names a model.
#[derive(clap::Args)]
pub struct ModelChoice {
    /// Model to use: compact, which is part of the program, or a model folder
    #[arg(short, long, value_name = "NAME|FOLDER", default_value = SHIPPED)]
    #[arg(env = "SPEECH2FACE_MODEL", hide_env_values = true)]
    model: String,
}

impl ModelChoice {
    /// Opens the model.
    ///
    /// # Errors
    /// Names the file of the model that is missing or damaged, and the reason.
    pub fn open(&self) -> anyhow::Result<Speech2Face> {
        let folder = Path::new(&self.model);
        if self.model == SHIPPED {
            return Ok(Speech2Face::shipped()?);
        }
        if !folder.exists() {
            bail!(
                "there is no model and no folder called {}; hint: {SHIPPED} is part of the \
                 program, any other model is given as its folder",
                self.model
            );
        }
        Ok(Speech2Face::open(folder)?)
    }
}
