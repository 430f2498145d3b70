//! The system calls that the standard library does not have. Each is one function,
//! safe to call with whatever its types let through.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use crate::layout;
use crate::map::Semaphore;

fn check(rc: libc::c_long) -> io::Result<()> {
    if rc < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn retry(mut call: impl FnMut() -> libc::c_int) -> io::Result<()> {
    loop {
        match check(call().into()) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// The user that this process acts for.
pub(crate) fn effective_user() -> u32 {
    // SAFETY: it has no arguments and cannot fail.
    unsafe { libc::geteuid() }
}

/// Gives a file all its pages now: a full file system is an error here, and no SIGBUS
/// later.
pub(crate) fn allocate(file: &File, size: u64) -> io::Result<()> {
    let size = libc::off_t::try_from(size).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: plain numbers.
    retry(|| unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, size) })
}

/// Gives a file that was opened with O_TMPFILE a name, which must be free.
pub(crate) fn link(file: &File, path: &Path) -> io::Result<()> {
    let from = c_path(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd())))?;
    let to = c_path(path)?;
    // SAFETY: both are strings that end in zero and outlive the call.
    retry(|| unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    })
}

fn lock_byte(file: &File, command: libc::c_int, kind: libc::c_int, lock: u64) -> io::Result<i16> {
    // SAFETY: a struct of plain numbers, for which zero is a value.
    let mut l: libc::flock = unsafe { std::mem::zeroed() };
    l.l_type = kind as _;
    l.l_whence = libc::SEEK_SET as _;
    l.l_start = (layout::LOCK_BASE + lock) as _;
    l.l_len = 1;
    // SAFETY: the pointer is to a flock, which these commands take, for this call only.
    retry(|| unsafe { libc::fcntl(file.as_raw_fd(), command, &mut l) })?;
    Ok(l.l_type)
}

/// Takes a lock byte for the open file description: false if another has it.
pub(crate) fn try_lock(file: &File, lock: u64) -> io::Result<bool> {
    match lock_byte(file, libc::F_OFD_SETLK, libc::F_WRLCK as _, lock) {
        Ok(_) => Ok(true),
        Err(e) => match e.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Ok(false),
            _ => Err(e),
        },
    }
}

/// Gives a lock byte back.
pub(crate) fn unlock(file: &File, lock: u64) -> io::Result<()> {
    lock_byte(file, libc::F_OFD_SETLK, libc::F_UNLCK as _, lock).map(|_| ())
}

/// Asks whether another open file description has a lock byte. A killed process has
/// none, a stopped one keeps it.
pub(crate) fn is_locked(file: &File, lock: u64) -> io::Result<bool> {
    let found = lock_byte(file, libc::F_OFD_GETLK, libc::F_WRLCK as _, lock)?;
    Ok(found != libc::F_UNLCK as i16)
}

const MEMBARRIER_GLOBAL_EXPEDITED: libc::c_int = 1 << 1;
const MEMBARRIER_REGISTER_GLOBAL_EXPEDITED: libc::c_int = 1 << 2;

/// Lets this process take part in the barriers of sleeping peers. False: it must fence
/// after each publish.
pub(crate) fn register_for_barriers() -> bool {
    membarrier(MEMBARRIER_REGISTER_GLOBAL_EXPEDITED)
}

/// Makes every running thread of every registered process pass a full fence.
pub(crate) fn barrier() -> bool {
    membarrier(MEMBARRIER_GLOBAL_EXPEDITED)
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: plain numbers; it touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// What ended a sleep that did not fail.
#[derive(PartialEq, Eq)]
pub(crate) enum Slept {
    /// It was woken, or the word had changed, or for no reason.
    Woken,
    /// The time was over.
    Bound,
}

fn slept(done: io::Result<()>) -> io::Result<Slept> {
    match done {
        Ok(()) => Ok(Slept::Woken),
        Err(e) => match e.raw_os_error() {
            Some(libc::EAGAIN | libc::EINTR) => Ok(Slept::Woken),
            Some(libc::ETIMEDOUT) => Ok(Slept::Bound),
            _ => Err(e),
        },
    }
}

fn timespec(d: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: d.as_secs() as _,
        tv_nsec: d.subsec_nanos().into(),
    }
}

/// Sleeps while a word that processes share is `value`.
pub(crate) fn futex_wait(word: &AtomicU32, value: u32, bound: Duration) -> io::Result<Slept> {
    let bound = timespec(bound);
    // SAFETY: word and bound are there during the call, which only reads them.
    slept(check(unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT,
            value,
            &bound,
            0,
            0,
        )
    }))
}

/// Wakes all that sleep on a word. There is nobody to tell of a failure, and the
/// sleepers' bound covers it.
pub(crate) fn futex_wake(word: &AtomicU32) {
    // SAFETY: the kernel takes the address for a name and reads nothing there.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAKE,
            1 << 30,
            0,
            0,
            0,
        )
    };
}

/// Whether the semaphores in rings, which are glibc's, can be used here.
pub(crate) const SEMAPHORES: bool = cfg!(target_env = "gnu");

/// Waits until the semaphore can be taken.
#[cfg(target_env = "gnu")]
pub(crate) fn semaphore_wait(sem: &Semaphore, bound: Duration) -> io::Result<Slept> {
    // SAFETY: a timespec of our own, filled by the call.
    let mut end = unsafe {
        let mut now = timespec(Duration::ZERO);
        libc::clock_gettime(libc::CLOCK_REALTIME, &mut now);
        now
    };
    let ns = end.tv_nsec as u64 + u64::from(bound.subsec_nanos());
    end.tv_sec += bound.as_secs() as libc::time_t + (ns / 1_000_000_000) as libc::time_t;
    end.tv_nsec = (ns % 1_000_000_000) as _;
    // SAFETY: Semaphore has the size and the place of a sem_t, which Ring has checked to
    // be one that processes share.
    slept(check(
        unsafe { libc::sem_timedwait(sem.0.as_ptr().cast_mut().cast(), &end) }.into(),
    ))
}

/// Adds one to the semaphore.
#[cfg(target_env = "gnu")]
pub(crate) fn semaphore_post(sem: &Semaphore) {
    // SAFETY: as in semaphore_wait. It fails only when the count would run over, and then
    // nobody sleeps.
    unsafe { libc::sem_post(sem.0.as_ptr().cast_mut().cast()) };
}

/// Other C libraries have other semaphores: the bound ends such a sleep.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn semaphore_post(_: &Semaphore) {}

/// Never called: see SEMAPHORES.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn semaphore_wait(_: &Semaphore, _: Duration) -> io::Result<Slept> {
    Err(io::ErrorKind::Unsupported.into())
}
