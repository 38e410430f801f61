internal import Configuration
internal import Dispatch
internal import PodiumModel
internal import Proxy
internal import Synchronization

/// Reads the CA bundles (`ca_file`) that endpoints name, and makes their TLS contexts, before the engine's lock is
/// taken and away from event loops: a file may lie on a disk that hangs.
///
/// The engine calls `prepare` with the settings that it is about to adopt. `lookForChanges` is called now and then and
/// works on a thread of its own. Everything else only looks up what was read.
final class CABundles: Sendable {
    let contexts: TLSContextCache
    private let queue = DispatchQueue(label: "podium.authority-files")
    private let isLooking = Atomic<Bool>(false)

    init(contexts: TLSContextCache = TLSContextCache()) {
        self.contexts = contexts
    }

    /// Makes the contexts of all of these endpoints that speak TLS. May block on their files.
    func prepare(_ endpoints: [EndpointSettings], _ context: ConfigurationContext) {
        for options in Set(endpoints.compactMap { Self.options(of: $0, context) }) {
            contexts.prepare(options)
        }
    }

    /// Reads the files again that were replaced, on a thread of its own. One look at a time: where a disk hangs, no second
    /// thread joins the first.
    ///
    /// - Parameter onUsable: is called on that thread when a file that could not be used can be used now.
    func lookForChanges(onUsable: @escaping @Sendable () -> Void) {
        guard contexts.readsFiles, !isLooking.exchange(true, ordering: .acquiring) else { return }
        queue.async { [self] in
            if contexts.refresh() { onUsable() }
            isLooking.store(false, ordering: .releasing)
        }
    }

    /// nil for an endpoint that is reached without TLS and names no file.
    private static func options(of settings: EndpointSettings, _ context: ConfigurationContext) -> UpstreamTLSOptions? {
        let expanded = (try? settings.expanded(environment: context.environment)) ?? settings
        let speaksTLS = expanded.baseURLs.contains { $0.lowercased().hasPrefix("https:") }
        return speaksTLS || expanded.caFile != nil ? expanded.tlsOptions(context) : nil
    }
}
