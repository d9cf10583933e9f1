//! The landmarks of a face: 106 of the 189 points of the Face Research Lab template.
//!
//! Three kinds of points are omitted. Points that can coincide with others, which would leave the
//! warp underdetermined: iris behind the lids, upper edge of the lower lip of a closed mouth, ear
//! lobe at the border of the face. Points that follow shading or folds instead of edges: bridge of
//! the nose, folds, cheek, lid crease, nostrils, philtrum. Points in the background or on clothes:
//! beside ears and jaw, lower end of the neck. The points on outline, hairline and ears are kept,
//! so that the warp covers the hair and the outline.
//!
//! The template draws a smooth head where hair is. When a portrait is prepared, the seven points on
//! the outline of the hair are moved to the end of the hair (see
//! [`PlainPortrait`](crate::PlainPortrait)).
//!
//! "Left" and "right" are sides of the picture.

use crate::FaceError;

/// Number of points in the Face Research Lab template.
pub const TEMPLATE_POINTS: usize = 189;

/// Number of landmarks: the points of the template that are used here.
pub const LANDMARK_COUNT: usize = 106;

/// The part of a face that a landmark lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LandmarkGroup {
    /// Centre of the pupil.
    Pupil,
    /// Edge of the upper lid, including the corners of the eye.
    EyeUpperLid,
    /// Edge of the lower lid between the corners.
    EyeLowerLid,
    /// Upper edge of the brow.
    BrowUpper,
    /// Lower edge of the brow.
    BrowLower,
    /// Lowest point of the nose on the midline.
    NoseBase,
    /// Wing of the nose.
    NoseWing,
    /// Corner of the mouth.
    MouthCorner,
    /// Upper edge of the upper lip.
    LipUpperOuter,
    /// Lower edge of the upper lip.
    LipUpperInner,
    /// Lower edge of the lower lip.
    LipLowerOuter,
    /// Crease under the lower lip.
    ChinCrease,
    /// Outline of jaw and chin.
    Chin,
    /// Jaw below the ear.
    Jaw,
    /// Border of the face in front of the ear.
    FaceSide,
    /// Outer edge of the ear.
    Ear,
    /// Hairline from temple to temple.
    Hairline,
    /// Outline of the neck below the jaw.
    Neck,
    /// Outline of the hair from above one ear to above the other.
    HairOutline,
}

/// One landmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landmark {
    /// Its index in the template of 189 points.
    pub template_index: usize,
    /// The part of the face that it lies on.
    pub group: LandmarkGroup,
    /// Index in [`LANDMARKS`] of its counterpart on the other side of the face; its own index on
    /// the midline.
    pub mirror: usize,
}

/// All landmarks, in the order of every list of landmarks in this crate.
pub const LANDMARKS: [Landmark; LANDMARK_COUNT] = {
    use LandmarkGroup::*;
    [
        point(0, Pupil, 1),
        point(1, Pupil, 0),
        point(18, EyeUpperLid, 11),
        point(19, EyeUpperLid, 10),
        point(20, EyeUpperLid, 9),
        point(21, EyeUpperLid, 8),
        point(22, EyeUpperLid, 7),
        point(23, EyeUpperLid, 6),
        point(24, EyeUpperLid, 5),
        point(25, EyeUpperLid, 4),
        point(26, EyeUpperLid, 3),
        point(27, EyeUpperLid, 2),
        point(28, EyeLowerLid, 17),
        point(29, EyeLowerLid, 16),
        point(30, EyeLowerLid, 15),
        point(31, EyeLowerLid, 14),
        point(32, EyeLowerLid, 13),
        point(33, EyeLowerLid, 12),
        point(71, BrowUpper, 29),
        point(72, BrowUpper, 28),
        point(73, BrowUpper, 27),
        point(74, BrowUpper, 26),
        point(75, BrowUpper, 25),
        point(76, BrowUpper, 24),
        point(77, BrowUpper, 23),
        point(78, BrowUpper, 22),
        point(79, BrowUpper, 21),
        point(80, BrowUpper, 20),
        point(81, BrowUpper, 19),
        point(82, BrowUpper, 18),
        point(83, BrowLower, 33),
        point(84, BrowLower, 32),
        point(85, BrowLower, 31),
        point(86, BrowLower, 30),
        point(55, NoseBase, 34),
        point(61, NoseWing, 39),
        point(62, NoseWing, 40),
        point(63, NoseWing, 41),
        point(64, NoseWing, 42),
        point(66, NoseWing, 35),
        point(67, NoseWing, 36),
        point(68, NoseWing, 37),
        point(69, NoseWing, 38),
        point(87, MouthCorner, 44),
        point(93, MouthCorner, 43),
        point(88, LipUpperOuter, 49),
        point(89, LipUpperOuter, 48),
        point(90, LipUpperOuter, 47),
        point(91, LipUpperOuter, 46),
        point(92, LipUpperOuter, 45),
        point(94, LipUpperInner, 54),
        point(95, LipUpperInner, 53),
        point(96, LipUpperInner, 52),
        point(97, LipUpperInner, 51),
        point(98, LipUpperInner, 50),
        point(104, LipLowerOuter, 59),
        point(105, LipLowerOuter, 58),
        point(106, LipLowerOuter, 57),
        point(107, LipLowerOuter, 56),
        point(108, LipLowerOuter, 55),
        point(176, ChinCrease, 62),
        point(177, ChinCrease, 61),
        point(178, ChinCrease, 60),
        point(127, Chin, 67),
        point(128, Chin, 66),
        point(129, Chin, 65),
        point(130, Chin, 64),
        point(131, Chin, 63),
        point(125, Jaw, 71),
        point(126, Jaw, 70),
        point(132, Jaw, 69),
        point(133, Jaw, 68),
        point(109, FaceSide, 75),
        point(110, FaceSide, 76),
        point(111, FaceSide, 77),
        point(112, FaceSide, 72),
        point(113, FaceSide, 73),
        point(114, FaceSide, 74),
        point(115, Ear, 82),
        point(116, Ear, 83),
        point(117, Ear, 84),
        point(118, Ear, 85),
        point(120, Ear, 78),
        point(121, Ear, 79),
        point(122, Ear, 80),
        point(123, Ear, 81),
        point(134, Hairline, 96),
        point(135, Hairline, 95),
        point(136, Hairline, 94),
        point(137, Hairline, 93),
        point(138, Hairline, 92),
        point(139, Hairline, 91),
        point(140, Hairline, 90),
        point(141, Hairline, 89),
        point(142, Hairline, 88),
        point(143, Hairline, 87),
        point(144, Hairline, 86),
        point(145, Neck, 105),
        point(148, HairOutline, 104),
        point(149, HairOutline, 103),
        point(150, HairOutline, 102),
        point(151, HairOutline, 101),
        point(152, HairOutline, 100),
        point(153, HairOutline, 99),
        point(154, HairOutline, 98),
        point(157, Neck, 97),
    ]
};

/// Lines for drawing a shape: lists of indices in [`LANDMARKS`].
pub const POLYLINES: [&[usize]; 23] = [
    &[2, 3, 4, 5, 6],
    &[7, 8, 9, 10, 11],
    &[2, 12, 13, 14, 6],
    &[7, 15, 16, 17, 11],
    &[35, 36, 37, 38, 34],
    &[39, 40, 41, 42, 34],
    &[18, 19, 20, 21, 22, 23],
    &[24, 25, 26, 27, 28, 29],
    &[18, 30, 31, 23],
    &[24, 32, 33, 29],
    &[43, 45, 46, 47, 48, 49, 44],
    &[43, 50, 51, 52, 53, 54, 44],
    &[43, 55, 56, 57, 58, 59, 44],
    &[72, 73, 74],
    &[75, 76, 77],
    &[72, 78, 79, 80, 81, 74],
    &[75, 82, 83, 84, 85, 77],
    &[72, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 75],
    &[98, 99, 100, 101, 102, 103, 104],
    &[60, 61, 62],
    &[74, 68, 69, 63, 64, 65, 66, 67, 70, 71, 77],
    &[69, 97],
    &[70, 105],
];

/// Selects the [`LANDMARKS`] from the 189 points of the template.
///
/// # Errors
/// [`FaceError::PointCount`] if there are not 189 points.
pub fn select_landmarks(template: &[[f32; 2]]) -> Result<Vec<[f32; 2]>, FaceError> {
    check_count("the landmark template", template, TEMPLATE_POINTS)?;
    Ok(LANDMARKS.iter().map(|landmark| template[landmark.template_index]).collect())
}

/// The five points of a face that a detector gives and
/// [`mobileface_crop`](crate::mobileface_crop) takes, from its landmarks.
///
/// The template has no point at the tip of the nose. The point between the wings of the nose, a
/// quarter of the way down to its base, has no mean offset from the detector's point, measured on
/// 139 portraits.
///
/// # Errors
/// [`FaceError::PointCount`] if there are not [`LANDMARK_COUNT`] points.
pub fn alignment_points(landmarks: &[[f32; 2]]) -> Result<[[f32; 2]; 5], FaceError> {
    check_count("alignment", landmarks, LANDMARK_COUNT)?;
    let [left_wing, right_wing] = NOSE_WIDEST.map(|index| landmarks[index]);
    let base = landmarks[NOSE_BASE];
    let tip = [0, 1].map(|axis| 0.375 * (left_wing[axis] + right_wing[axis]) + 0.25 * base[axis]);
    let [left_eye, right_eye] = PUPILS.map(|index| landmarks[index]);
    let [left_mouth, right_mouth] = MOUTH_CORNERS.map(|index| landmarks[index]);
    Ok([left_eye, right_eye, tip, left_mouth, right_mouth])
}

/// Indices of the left and the right pupil in [`LANDMARKS`].
pub const PUPILS: [usize; 2] = [0, 1];

/// Indices of the left and the right corner of the mouth in [`LANDMARKS`].
pub const MOUTH_CORNERS: [usize; 2] = [43, 44];

const NOSE_WIDEST: [usize; 2] = [36, 40];
const NOSE_BASE: usize = 34;

pub(crate) fn check_count(
    operation: &'static str,
    points: &[[f32; 2]],
    expected: usize,
) -> Result<(), FaceError> {
    let found = points.len();
    if found == expected {
        Ok(())
    } else {
        Err(FaceError::PointCount { operation, expected, found })
    }
}

const fn point(template_index: usize, group: LandmarkGroup, mirror: usize) -> Landmark {
    Landmark { template_index, group, mirror }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counterpart_of_the_counterpart_is_the_landmark_itself() {
        for (index, landmark) in LANDMARKS.iter().enumerate() {
            assert_eq!(LANDMARKS[landmark.mirror].mirror, index);
            assert_eq!(LANDMARKS[landmark.mirror].group, landmark.group);
            let twice = LANDMARKS.iter().filter(|l| l.template_index == landmark.template_index);
            assert_eq!(twice.count(), 1);
        }
    }

    #[test]
    fn the_lines_connect_all_landmarks_except_the_pupils() {
        for index in 0..LANDMARK_COUNT {
            let drawn = POLYLINES.iter().any(|line| line.contains(&index));
            assert_eq!(drawn, !PUPILS.contains(&index), "{index}");
        }
    }

    #[test]
    fn named_indices_belong_to_the_right_group() {
        let group = |index: usize| LANDMARKS[index].group;
        assert!(PUPILS.iter().all(|&index| group(index) == LandmarkGroup::Pupil));
        assert!(MOUTH_CORNERS.iter().all(|&index| group(index) == LandmarkGroup::MouthCorner));
        assert!(NOSE_WIDEST.iter().all(|&index| group(index) == LandmarkGroup::NoseWing));
        assert_eq!(group(NOSE_BASE), LandmarkGroup::NoseBase);
    }

    #[test]
    fn a_wrong_number_of_points_is_an_error() {
        let text = select_landmarks(&[[0.0; 2]; 68]).unwrap_err().to_string();
        assert!(text.contains("189") && text.contains("68"), "{text}");
        assert!(alignment_points(&[[0.0; 2]; 5]).is_err());
    }
}
