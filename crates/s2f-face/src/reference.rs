//! Data for the tests: arrays beside the scripts that made them, and photographs with landmarks.

use std::path::{Path, PathBuf};

use npyz::Deserialize;
use s2f_testing::Npy;

/// A file of `reference/face`.
pub(crate) fn reference_file(name: &str) -> PathBuf {
    s2f_testing::project("reference/face").join(name)
}

/// Shape and values of a NumPy file.
pub(crate) fn read_npy<T: Deserialize + Clone>(path: &Path) -> (Vec<usize>, Vec<T>) {
    let Npy { shape, values } = s2f_testing::npy(path);
    (shape, values)
}

/// The points in a NumPy file `[n, 2]` of `reference/face`.
pub(crate) fn read_points(name: &str) -> Vec<[f32; 2]> {
    let (_, values) = read_npy::<f32>(&reference_file(name));
    values.as_chunks::<2>().0.to_vec()
}

/// A photograph of a face with the 189 points of the template.
pub(crate) struct Photo {
    pub(crate) picture: PathBuf,
    /// In pixels of the photograph.
    pub(crate) points: Vec<[f32; 2]>,
}

/// The photographs of a set of the Face Research Lab, `london` or `canada`, as `landmarks.csv`
/// lists them (`person_id,file,x0,y0,…,x188,y188`, without quotes); `None` if the data is missing.
pub(crate) fn photos(set: &str) -> Option<Vec<Photo>> {
    let folder = s2f_testing::data("data/faces")?.join(set);
    let table = std::fs::read_to_string(folder.join("landmarks.csv")).unwrap();
    let photos = table.lines().skip(1).map(|line| {
        let mut cells = line.split(',').skip(1);
        let picture = folder.join(cells.next().unwrap());
        let coordinates: Vec<f32> = cells.map(|cell| cell.parse().unwrap()).collect();
        Photo { picture, points: coordinates.as_chunks::<2>().0.to_vec() }
    });
    Some(photos.collect())
}
