internal import CSystemShim
internal import NIOCore
internal import Support

/// Something a loop waits for.
package class Pollable {
    /// Owners with this mark are told before the others of the same tick.
    final var comesFirst = false

    init() {}

    /// - Parameter conditions: of `Condition`
    func ready(_ conditions: Condition) {}

    /// The loop ends.
    func loopEnds() {}
}

/// What has become of a descriptor since it was last reported.
struct Condition: OptionSet {
    let rawValue: UInt32

    static let readable = Condition(rawValue: UInt32(PODIUM_READABLE))
    static let writable = Condition(rawValue: UInt32(PODIUM_WRITABLE))
    /// The other side has said that nothing more will come.
    static let inputEnded = Condition(rawValue: UInt32(PODIUM_INPUT_ENDED))
    /// Both directions are closed.
    static let hungUp = Condition(rawValue: UInt32(PODIUM_HUNG_UP))
    static let failed = Condition(rawValue: UInt32(PODIUM_FAILED))
}

/// The kernel's list of descriptors that have become ready. Each is registered once and reported at every change:
/// no call per request, and none to look again at what has been dealt with.
///
/// Any thread may wake; the rest belongs to the loop's.
final class ReadinessQueue {
    private static let capacity = 256

    private let descriptor: CInt
    private let notification: CInt
    private let found = UnsafeMutableBufferPointer<podium_readiness>.allocate(capacity: capacity)

    /// - Throws: `IOError` where the process has no descriptor left.
    init() throws {
        let descriptor = try Self.checked(podium_readiness_open(), "epoll_create1")
        let notification = podium_notification_open()
        let added = notification < 0 ? notification : podium_readiness_add(descriptor, notification, nil)
        guard added >= 0 else {
            close(notification)
            close(descriptor)
            throw IOError(errnoCode: -added, reason: "eventfd")
        }
        self.descriptor = descriptor
        self.notification = notification
        found.initialize(repeating: podium_readiness())
    }

    deinit {
        found.deallocate()
        close(notification)
        close(descriptor)
    }

    /// Ends the wait, from any thread.
    func wake() {
        // Where the counter is full, the loop is woken already.
        _ = podium_notification_send(notification)
    }

    /// The owner has to live to the end of the tick in which it is removed.
    func add(_ owner: Pollable, _ descriptor: CInt) throws {
        _ = try Self.checked(
            podium_readiness_add(self.descriptor, descriptor, Unmanaged.passUnretained(owner).toOpaque()),
            "epoll_ctl")
    }

    func remove(_ descriptor: CInt) {
        _ = podium_readiness_remove(self.descriptor, descriptor)
    }

    /// - Parameter timeout: milliseconds, -1 for ever
    /// - Returns: how many were found
    func wait(_ timeout: CInt) -> Int {
        Int(max(0, podium_readiness_wait(descriptor, found.baseAddress, CInt(found.count), timeout)))
    }

    /// Tells the owners of the first `count` places of the last wait what was found, those that come first before the
    /// others.
    func report(_ count: Int) {
        for index in 0..<count { report(index, comingFirst: true) }
        for index in 0..<count { report(index, comingFirst: false) }
    }

    private func report(_ index: Int, comingFirst: Bool) {
        guard let owner = found[index].owner else { return }
        let conditions = Condition(rawValue: found[index].conditions)
        Unmanaged<Pollable>.fromOpaque(owner)._withUnsafeGuaranteedRef { owner in
            if owner.comesFirst == comingFirst { owner.ready(conditions) }
        }
    }

    private static func checked(_ result: CInt, _ call: String) throws -> CInt {
        guard result >= 0 else { throw IOError(errnoCode: -result, reason: call) }
        return result
    }
}
