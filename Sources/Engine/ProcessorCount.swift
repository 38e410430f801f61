internal import CSystemShim
internal import NIOCore

/// How many processors this process may run on: `taskset` or a container may leave it fewer than there are.
///
/// Two event loops on one processor wake and interrupt each other, at a third of what a request costs.
enum ProcessorCount {
    static var usable: Int {
        let allowed = Int(podium_usable_processors())
        return allowed > 0 ? min(allowed, System.coreCount) : System.coreCount
    }
}
