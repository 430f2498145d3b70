//! Prints what arrives, up to the end of the stream.

use annulus::{Error, Ring};

fn main() -> annulus::Result<()> {
    let mut input = Ring::open("greetings")?.consumer()?;
    loop {
        match input.peek() {
            // In place, no copy; it is released when the guard is dropped.
            Ok(message) => println!("{}", String::from_utf8_lossy(&message)),
            Err(Error::End) => return Ok(()),
            Err(e) => return Err(e),
        }
    }
}
