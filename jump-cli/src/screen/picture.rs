//! Pictures as PNG (ISO/IEC 15948).

use jump_core::protocol::Picture;
use jump_core::{Error, ErrorKind, Result};

/// The picture as a PNG without transparency: a screen has none.
///
/// # Errors
/// [`ErrorKind::InvalidArgument`] for a picture without pixels, or with fewer than its size says.
pub(crate) fn png(picture: &Picture) -> Result<Vec<u8>> {
    let failed = |error: png::EncodingError| {
        Error::new(
            ErrorKind::InvalidArgument,
            "write a PNG",
            "the picture has no such size",
        )
        .with_source(error)
    };
    let rgb: Vec<u8> = picture
        .rgba
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|[red, green, blue, _]| [*red, *green, *blue])
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&rgb).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_has_the_pixels_of_its_picture() {
        let rgba = [[1, 2, 3, 255], [4, 5, 6, 255], [7, 8, 9, 255], [0, 255, 0, 255]];
        let picture = Picture {
            width: 2,
            height: 2,
            rgba: rgba.concat(),
        };
        let bytes = png(&picture).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (2, 2));
        assert_eq!(pixels, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 255, 0]);
    }

    #[test]
    fn a_picture_with_too_few_pixels_is_refused() {
        for (width, height) in [(0, 0), (2, 2)] {
            let picture = Picture {
                width,
                height,
                rgba: vec![0; 12],
            };
            assert_eq!(png(&picture).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
    }
}
