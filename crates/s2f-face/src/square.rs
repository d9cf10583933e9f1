//! The crop that the landmark, age and gender networks of face-api.js look at.

use image::{Rgb, RgbImage};

/// Side of the crop in pixels.
pub const SQUARE_SIDE: u32 = 112;

/// The box of a detected face, cut at the picture, padded with black to a centred square and
/// scaled to 112 × 112, bilinear without filtering, as those networks were trained to see it.
///
/// `rect` is x, y, width and height in pixels; a box outside of the picture gives black.
pub fn square_crop(picture: &RgbImage, rect: [f32; 4]) -> RgbImage {
    let limit = |value: f32, end: u32| (value.floor().max(0.0) as u32).min(end);
    let left = limit(rect[0], picture.width());
    let top = limit(rect[1], picture.height());
    let width = limit(rect[0] + rect[2], picture.width()) - left;
    let height = limit(rect[1] + rect[3], picture.height()) - top;
    let side = width.max(height);
    let (pad_x, pad_y) = ((side - width) / 2, (side - height) / 2);
    let pixel = |x: u32, y: u32| -> [f32; 3] {
        let inside = x >= pad_x && y >= pad_y && x - pad_x < width && y - pad_y < height;
        if inside {
            picture.get_pixel(left + x - pad_x, top + y - pad_y).0.map(f32::from)
        } else {
            [0.0; 3]
        }
    };
    let scale = side as f32 / SQUARE_SIDE as f32;
    RgbImage::from_fn(SQUARE_SIDE, SQUARE_SIDE, |column, row| {
        // Corner of the target pixel, not its centre: TensorFlow's first way of scaling.
        let (x, y) = (column as f32 * scale, row as f32 * scale);
        let (x0, y0) = (x as u32, y as u32);
        let (x1, y1) = ((x0 + 1).min(side.saturating_sub(1)), (y0 + 1).min(side.saturating_sub(1)));
        let (share_x, share_y) = (x.fract(), y.fract());
        let (a, b, c, d) = (pixel(x0, y0), pixel(x1, y0), pixel(x0, y1), pixel(x1, y1));
        Rgb([0, 1, 2].map(|i| {
            let upper = a[i] + (b[i] - a[i]) * share_x;
            let lower = c[i] + (d[i] - c[i]) * share_x;
            (upper + (lower - upper) * share_y).round() as u8
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_box_is_padded_above_and_below() {
        let picture = RgbImage::from_pixel(300, 300, Rgb([200, 100, 50]));
        let crop = square_crop(&picture, [10.0, 20.0, 224.0, 112.0]); // scale 2, 56 px of padding
        assert_eq!(crop.get_pixel(50, 27), &Rgb([0, 0, 0]));
        assert_eq!(crop.get_pixel(50, 29), &Rgb([200, 100, 50]));
        assert_eq!(crop.get_pixel(50, 83), &Rgb([200, 100, 50]));
        assert_eq!(crop.get_pixel(50, 85), &Rgb([0, 0, 0]));
    }

    #[test]
    fn boxes_beyond_the_picture_are_cut() {
        let picture = RgbImage::from_pixel(100, 100, Rgb([9, 9, 9]));
        let crop = square_crop(&picture, [50.0, 50.0, 500.0, 500.0]);
        assert!(crop.pixels().all(|p| p == &Rgb([9, 9, 9])));
        let outside = square_crop(&picture, [200.0, -300.0, 50.0, 50.0]);
        assert!(outside.pixels().all(|p| p == &Rgb([0, 0, 0])));
        square_crop(&picture, [f32::NAN, f32::INFINITY, -1.0, f32::NAN]);
    }
}
