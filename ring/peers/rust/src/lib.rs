#![doc = include_str!("../README.md")]
#![deny(unsafe_op_in_unsafe_fn, unsafe_code, missing_docs)]
#![deny(rustdoc::broken_intra_doc_links)]

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    target_endian = "little"
)))]
compile_error!("annulus needs 64-bit little-endian Linux");

mod attach;
mod cast;
mod cast_out;
mod cell;
mod cell_config;
mod cell_reader;
mod cell_writer;
mod claim;
mod config;
mod consumer;
mod consumer_attach;
mod consumer_recv;
mod create;
#[allow(unsafe_code)]
mod data;
mod dump;
mod dump_records;
mod endpoint;
mod error;
mod gate;
mod geometry;
mod granule_in;
mod granule_out;
mod granules;
mod header;
mod inlet;
mod lanes;
#[allow(dead_code)] // the whole layout, of which not all is used
mod layout;
#[allow(unsafe_code)]
mod map;
mod member;
mod message;
mod outlet;
mod producer;
mod producer_attach;
mod region;
mod reservation;
mod ring;
mod side;
mod slowest;
mod stream;
mod stream_in;
mod stream_out;
mod stream_scan;
mod subscriber;
mod subscriber_attach;
mod succession;
#[allow(unsafe_code)]
mod sys;
mod ticket_in;
mod ticket_out;
mod tickets;
mod wait;

pub use attach::EndpointBuilder;
pub use cast::Begin;
pub use cell::{Cell, CellOptions};
pub use cell_config::CellConfig;
pub use cell_reader::CellReader;
pub use cell_writer::CellWriter;
pub use config::{Config, Overrun};
pub use consumer::Consumer;
pub use error::{Error, Result};
pub use message::{Batch, Message, Messages};
pub use producer::Producer;
pub use reservation::Reservation;
pub use ring::{Info, Kind, OpenOptions, Ring, Role, Topology};
pub use subscriber::Subscriber;
pub use wait::{Canceller, Strategy};
