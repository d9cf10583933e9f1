//! The plain background of a portrait: estimated, flattened, evened.
