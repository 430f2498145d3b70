//! Sends what its arguments say, or two greetings.

use annulus::Config;

fn main() -> annulus::Result<()> {
    let ring = Config::records().open_or_create("greetings")?; // records in 1 MiB
    let mut out = ring.producer()?;
    let mut said = false;
    for word in std::env::args().skip(1) {
        out.send(word.as_bytes())?;
        said = true;
    }
    if !said {
        out.send(b"hello from Rust")?;
        out.send(b"hello again")?;
    }
    out.close()
}
