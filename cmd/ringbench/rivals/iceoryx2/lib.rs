//! iceoryx2 for iceoryx2_ipc.c, which has the loops, the clock and the checks in common with the
//! other rivals: services, ports and samples behind a few functions in C. What each is configured
//! to stands there.

use core::ffi::{c_char, c_int, CStr};
use core::time::Duration;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::sample::Sample;
use iceoryx2::sample_mut::SampleMut;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;

type Bytes = [u8];
type Service = PortFactory<ipc::Service, Bytes, ()>;

/// One side: its ports, and the samples it has in hand. The fields are dropped in this order.
pub struct Side {
    loaned: Option<SampleMut<ipc::Service, Bytes, ()>>,
    held: Option<Sample<ipc::Service, Bytes, ()>>,
    publisher: Publisher<ipc::Service, Bytes, ()>,
    subscriber: Subscriber<ipc::Service, Bytes, ()>,
    _services: [Service; 2],
    _node: Node<ipc::Service>,
    size: usize,
}

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

fn service(node: &Node<ipc::Service>, name: &str, slots: usize) -> Result<Service> {
    Ok(node
        .service_builder(&name.try_into()?)
        .publish_subscribe::<Bytes>()
        .payload_alignment(Alignment::new(64).ok_or("no such alignment")?)
        .enable_safe_overflow(false)
        .history_size(0)
        .max_publishers(1)
        .max_subscribers(1)
        .max_nodes(2)
        .subscriber_max_buffer_size(slots)
        .subscriber_max_borrowed_samples(1)
        .open_or_create()?)
}

fn open(dir: &str, prefix: &str, me: usize, size: usize, slots: usize) -> Result<Side> {
    set_log_level(LogLevel::Error);
    let mut config = Config::default();
    config.global.set_root_path(&Path::new(dir.as_bytes())?);
    config.global.prefix = FileName::new(prefix.as_bytes())?;
    config.global.creation_timeout = Duration::from_secs(30); // both sides at once, on a busy machine
    let node = NodeBuilder::new()
        .config(&config)
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<ipc::Service>()?;
    let services = [service(&node, "there", slots)?, service(&node, "back", slots)?];
    let publisher = services[me]
        .publisher_builder()
        .initial_max_slice_len(size)
        .max_loaned_samples(1)
        .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
        .create()?;
    let subscriber = services[1 - me].subscriber_builder().create()?;
    Ok(Side { loaned: None, held: None, publisher, subscriber, _services: services, _node: node, size })
}

/// Opens side `me`, 0 or 1; null after a failure, which it has told of.
///
/// # Safety
/// `dir` and `prefix` are C strings.
#[no_mangle]
pub unsafe extern "C" fn ice_open(dir: *const c_char, prefix: *const c_char, me: c_int, size: usize, slots: usize) -> *mut Side {
    let (dir, prefix) = (CStr::from_ptr(dir).to_string_lossy(), CStr::from_ptr(prefix).to_string_lossy());
    match open(&dir, &prefix, me as usize, size, slots) {
        Ok(side) => Box::into_raw(Box::new(side)),
        Err(err) => {
            eprintln!("iceoryx2: {err:?}");
            core::ptr::null_mut()
        }
    }
}

/// Memory for the next message; null after a failure.
///
/// # Safety
/// `side` is what `ice_open` returned, here and below.
#[no_mangle]
pub unsafe extern "C" fn ice_loan(side: *mut Side) -> *mut u8 {
    let side = &mut *side;
    match side.publisher.loan_slice_uninit(side.size) {
        Ok(sample) => side.loaned.insert(sample.assume_init()).payload_mut().as_mut_ptr(),
        Err(err) => {
            eprintln!("iceoryx2: loan: {err:?}");
            core::ptr::null_mut()
        }
    }
}

/// Sends what was loaned and returns how many receive it; negative after a failure.
///
/// # Safety
/// See `ice_loan`.
#[no_mangle]
pub unsafe extern "C" fn ice_send(side: *mut Side) -> c_int {
    let Some(sample) = (*side).loaned.take() else { return -1 };
    match sample.send() {
        Ok(n) => n as c_int,
        Err(err) => {
            eprintln!("iceoryx2: send: {err:?}");
            -1
        }
    }
}

/// The next message, its length in `size`, valid until `ice_release`; null while there is none.
///
/// # Safety
/// See `ice_loan`.
#[no_mangle]
pub unsafe extern "C" fn ice_receive(side: *mut Side, size: *mut usize) -> *const u8 {
    match (*side).subscriber.receive() {
        Ok(Some(sample)) => {
            let payload = (*side).held.insert(sample).payload();
            *size = payload.len();
            payload.as_ptr()
        }
        Ok(None) => core::ptr::null(),
        Err(err) => {
            eprintln!("iceoryx2: receive: {err:?}");
            std::process::exit(1)
        }
    }
}

/// Gives the message back.
///
/// # Safety
/// See `ice_loan`.
#[no_mangle]
pub unsafe extern "C" fn ice_release(side: *mut Side) {
    (*side).held = None;
}

/// Ends it, and removes what has a name.
///
/// # Safety
/// See `ice_loan`; `side` is not used after it.
#[no_mangle]
pub unsafe extern "C" fn ice_close(side: *mut Side) {
    drop(Box::from_raw(side));
}
