//! X window dumps (XWDFile.h, version 7): 25 numbers, the window's name, colours of 12 bytes, pixels.

/// A screen as `xwd` sees it: its width and its pixels.
pub(crate) fn read(bytes: &[u8]) -> (usize, Vec<[u8; 4]>) {
    let field = |n: usize| u32::from_be_bytes(bytes[n * 4..n * 4 + 4].try_into().unwrap()) as usize;
    let [header_size, version, format] = [field(0), field(1), field(2)];
    assert_eq!((version, format), (7, 2));
    let [width, height, byte_order, bits_per_pixel, bytes_per_line] =
        [field(4), field(5), field(7), field(11), field(12)];
    let masks = [field(14), field(15), field(16)];
    let colours = field(19);
    let start = header_size + colours * 12;
    let length = bits_per_pixel / 8;
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let at = start + y * bytes_per_line + x * length;
            let mut number = [0; 4];
            number[..length].copy_from_slice(&bytes[at..at + length]);
            let pixel = if byte_order == 0 {
                u32::from_le_bytes(number)
            } else {
                u32::from_be_bytes(number) >> (32 - bits_per_pixel)
            };
            let [red, green, blue] = masks.map(|mask| {
                let mask = mask as u32;
                let value = (pixel & mask) >> mask.trailing_zeros();
                let max = mask >> mask.trailing_zeros();
                (f64::from(value) * 255.0 / f64::from(max)).round() as u8
            });
            pixels.push([red, green, blue, 255]);
        }
    }
    (width, pixels)
}

/// A dump of a true-colour picture of depth 24, for `xwud` to show.
pub(crate) fn write(width: usize, pixels: &[[u8; 3]]) -> Vec<u8> {
    let height = pixels.len() / width;
    let name = b"jump\0";
    let fields = [
        100 + name.len(),
        7,
        2,
        24,
        width,
        height,
        0,
        0,
        32,
        0,
        32,
        32,
        width * 4,
        4,
        0xff_0000,
        0xff00,
        0xff,
        8,
        256,
        0,
        width,
        height,
        0,
        0,
        0,
    ];
    let mut bytes: Vec<u8> = fields
        .iter()
        .flat_map(|field| (*field as u32).to_be_bytes())
        .collect();
    bytes.extend(name);
    bytes.extend(
        pixels
            .iter()
            .flat_map(|[red, green, blue]| [*blue, *green, *red, 0]),
    );
    bytes
}
