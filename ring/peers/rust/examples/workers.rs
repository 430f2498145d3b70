//! Work that is handed to whoever is free: some threads here, and any number of processes
//! that run this. `workers 100` hands out 100 pieces; `workers` alone works on them.
//! What a killed worker had in its hands goes to another.

use annulus::{Config, Error};

fn main() -> annulus::Result<()> {
    let ring = Config::slots(64)
        .mpmc()
        .redeliver(true)
        .open_or_create("work")?;
    if let Some(pieces) = std::env::args().nth(1).and_then(|n| n.parse::<u32>().ok()) {
        let mut boss = ring.producer()?;
        for i in 0..pieces {
            boss.send(format!("piece {i}").as_bytes())?;
        }
        return boss.close();
    }
    let workers: Vec<_> = (0..2)
        .map(|k| {
            let ring = ring.clone();
            std::thread::spawn(move || -> annulus::Result<()> {
                let mut worker = ring.consumer()?;
                loop {
                    match worker.peek() {
                        Ok(piece) => {
                            let text = String::from_utf8_lossy(&piece);
                            println!(
                                "worker {k}: {text}, handed over {} times",
                                piece.redelivered()
                            );
                        }
                        Err(Error::End) => return Ok(()), // and the worker closes
                        Err(e) => return Err(e),
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        match worker.join() {
            Ok(done) => done?,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    Ok(())
}
