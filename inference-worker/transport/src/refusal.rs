//! What a client hears whose request's head is longer than any may be.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read and thrown away behind the refusal, so that its reader does not lose it with the connection.
const DRAIN: usize = 4 << 20;

/// The body, in the shape of OpenAI's errors and of Anthropic's: the path is not looked at.
const BODY: &str = "{\"type\":\"error\",\"error\":{\"message\":\"The head of the request is longer than 65536 bytes.\",\"type\":\
                    \"invalid_request_error\",\"param\":null,\"code\":\"request_header_fields_too_large\"}}";

/// How far the refusal is.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// Bytes of it that are written.
    written: usize,
    /// Whether nothing more is written.
    ended: bool,
    drained: usize,
}

fn words() -> String {
    format!(
        "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{BODY}",
        BODY.len()
    )
}

impl Refusal {
    /// Writes it, ends the writing side, and reads on until the client ends its own or has sent far too much.
    pub(crate) fn poll<S: AsyncRead + AsyncWrite>(
        &mut self,
        mut stream: Pin<&mut S>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let words = words();
        while let Some(rest) = words
            .as_bytes()
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            let written = std::task::ready!(stream.as_mut().poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written = self.written.saturating_add(written);
        }
        if !self.ended {
            std::task::ready!(stream.as_mut().poll_shutdown(context))?;
            self.ended = true;
        }
        let mut bytes = [0; 4_096];
        while self.drained < DRAIN {
            let mut buffer = ReadBuf::new(&mut bytes);
            std::task::ready!(stream.as_mut().poll_read(context, &mut buffer))?;
            match buffer.filled().len() {
                0 => break,
                read => self.drained = self.drained.saturating_add(read),
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::MAX_HEAD;

    #[test]
    fn the_refusal_is_a_whole_answer_that_names_the_bound() {
        let words = words();
        let (head, body) = words.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{head}"
        );
        assert!(body.contains(&format!("{MAX_HEAD} bytes")), "{body}");
        assert_eq!(body.matches('{').count(), body.matches('}').count());
    }
}
