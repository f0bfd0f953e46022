use bytes::{Buf, Bytes, BytesMut};

/// CometBFT's own cap on an ABCI socket message (100 MiB), so that we refuse nothing it may send.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 100 * 1024 * 1024;

/// Longest protobuf varint: ten groups of seven bits hold 64 bits.
const MAX_VARINT_BYTES: usize = 10;

/// Why the bytes of a connection are no sequence of length-delimited messages.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    /// The length prefix does not end within ten bytes or overflows 64 bits.
    #[error("the message length is not a protobuf varint")]
    Length,
    /// The length prefix asks for more than the cap.
    #[error("a message of {length} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// Bytes announced by the prefix.
        length: u64,
        /// Bytes allowed.
        limit: usize,
    },
}

/// Takes the next whole message off the front of `buffer`; `None` when it is not there yet.
///
/// The message shares the buffer's memory, so it is not copied.
pub(crate) fn take_frame(buffer: &mut BytesMut, limit: usize) -> Result<Option<Bytes>, FrameError> {
    let Some((length, prefix)) = read_varint(buffer)? else {
        return Ok(None);
    };
    let too_large = FrameError::TooLarge { length, limit };
    let length = usize::try_from(length).map_err(|_| too_large)?;
    if length > limit {
        return Err(FrameError::TooLarge {
            length: length as u64,
            limit,
        });
    }
    if buffer.len().saturating_sub(prefix) < length {
        return Ok(None);
    }
    buffer.advance(prefix);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Value and length in bytes of the varint at the front; `None` when it is not complete.
fn read_varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(MAX_VARINT_BYTES).enumerate() {
        let group = u64::from(byte & 0x7f);
        let shift = index.saturating_mul(7);
        // The tenth group has room for one bit only.
        if index == MAX_VARINT_BYTES - 1 && group > 1 {
            return Err(FrameError::Length);
        }
        value |= group << shift;
        if byte & 0x80 == 0 {
            return Ok(Some((value, index.saturating_add(1))));
        }
    }
    if bytes.len() >= MAX_VARINT_BYTES {
        Err(FrameError::Length)
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::{FrameError, take_frame};
    use bytes::BytesMut;

    #[test]
    fn frames_arrive_whole_however_the_bytes_are_cut() {
        let mut wire = vec![3, b'a', b'b', b'c', 0];
        wire.extend([0xac, 0x02]);
        wire.extend([7; 300]);
        for cut in 1..wire.len() {
            let mut buffer = BytesMut::new();
            let mut frames = Vec::new();
            for part in wire.chunks(cut) {
                buffer.extend_from_slice(part);
                while let Some(frame) = take_frame(&mut buffer, 300).unwrap() {
                    frames.push(frame);
                }
            }
            assert_eq!(frames.len(), 3, "cut every {cut} bytes");
            assert_eq!(&frames[0][..], b"abc");
            assert!(frames[1].is_empty());
            assert_eq!(frames[2].len(), 300);
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_its_bytes_arrive() {
        let mut buffer = BytesMut::from(&[0xad, 0x02][..]);
        let error = take_frame(&mut buffer, 300).unwrap_err();
        assert_eq!(
            error,
            FrameError::TooLarge {
                length: 301,
                limit: 300
            }
        );
    }

    #[test]
    fn an_endless_length_is_refused() {
        let mut buffer = BytesMut::from(&[0xff; 10][..]);
        assert_eq!(take_frame(&mut buffer, 300).unwrap_err(), FrameError::Length);
        let mut buffer = BytesMut::from(&[0xff; 9][..]);
        assert_eq!(take_frame(&mut buffer, 300).unwrap(), None);
    }
}
