//! The latest value of something: `latest 3.5` writes it, `latest` follows it.

use annulus::{Cell, CellConfig, Error};

fn main() -> annulus::Result<()> {
    let cell = match CellConfig::value(8).create("temperature") {
        Err(Error::Exists(_)) => Cell::open("temperature")?,
        made => made?,
    };
    if let Some(value) = std::env::args().nth(1).and_then(|n| n.parse::<f64>().ok()) {
        let version = cell.writer()?.write(&value.to_le_bytes())?;
        println!("version {version}");
        return Ok(());
    }
    let mut reader = cell.reader();
    let mut value = Vec::new();
    let mut version = 0;
    loop {
        match reader.wait(version) {
            Err(Error::End) => return Ok(()),
            waited => waited?,
        };
        version = reader.read(&mut value)?;
        if let Ok(bytes) = value[..].try_into() {
            println!("version {version}: {}", f64::from_le_bytes(bytes));
        }
    }
}
