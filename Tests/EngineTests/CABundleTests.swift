import Configuration
import PodiumModel
import Dispatch
import Foundation
import Proxy
import Synchronization
import TestSupport
import Testing

@testable import Engine

/// Files of authorities are read where reading may hang: not under the engine's lock, and not on an event loop.
@Suite(.timeLimit(.minutes(15)))
struct CABundleTests {
    /// A disk that hangs once `isHanging` is set, until `release` is called.
    private final class HangingDisk: Sendable {
        private let gate = DispatchSemaphore(value: 0)
        private let state = Mutex((isHanging: false, waiting: 0))

        func willRead() {
            let hangs = state.withLock { state in
                if state.isHanging { state.waiting += 1 }
                return state.isHanging
            }
            if hangs { gate.wait() }
        }

        func hang() { state.withLock { $0.isHanging = true } }
        var waiting: Int { state.withLock { $0.waiting } }

        func release() {
            let count = state.withLock { state in
                defer { state = (false, 0) }
                return state.waiting
            }
            for _ in 0..<count { gate.signal() }
        }
    }

    private static func configuration(_ port: Int) -> String {
        """
        server: { port: 0 }
        endpoints:
          - name: plain
            url: http://127.0.0.1:\(port)
          - name: secure
            url: https://127.0.0.1:1
            ca_file: authority.pem
        """
    }

    @Test func aDiskThatHangsHoldsUpNeitherRequestsNorCommands() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(RunningEngine.ok("x"))] }
        let disk = HangingDisk()
        let contexts = TLSContextCache(willRead: { _ in disk.willRead() })
        let running = try await RunningEngine.start(Self.configuration(upstream.port)) {
            $0.authorities = CABundles(contexts: contexts)
        }
        let file = running.folder.appending(path: "authority.pem")
        disk.hang()
        try Data("new".utf8).write(to: file)
        // The engine looks for changes by itself; here it need not be waited for.
        CABundles(contexts: contexts).lookForChanges {}
        try await eventually { disk.waiting > 0 }

        #expect(try await running.exchange(RunningEngine.post()).hasPrefix("HTTP/1.1 200 "))
        let receipt = try await running.engine.done(.move(CommandTarget(name: "secure"), toRank: 1))
        #expect(receipt.message.hasPrefix("moved secure to rank 1"))
        #expect(running.engine.snapshot().endpoints.first?.name == "secure")

        disk.release()
        await running.stop()
    }

    @Test func anEditThatNamesAFileOnAHangingDiskHoldsUpNoRequest() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(RunningEngine.ok("x"))] }
        let disk = HangingDisk()
        let running = try await RunningEngine.start(Self.configuration(upstream.port)) {
            $0.authorities = CABundles(contexts: TLSContextCache(willRead: { _ in disk.willRead() }))
        }
        disk.hang()
        let edited = Task { try await running.rewrite { $0.replacing("authority.pem", with: "other.pem") } }
        try await eventually { disk.waiting > 0 }

        #expect(try await running.exchange(RunningEngine.post()).hasPrefix("HTTP/1.1 200 "))
        #expect(running.engine.snapshot().endpoints.count == 2)

        disk.release()
        try await edited.value
        let secure = running.engine.snapshot().endpoints.first { $0.name == "secure" }
        #expect(secure?.misconfiguration == "ca_file other.pem does not exist")
        await running.stop()
    }

    @Test func aFileThatComesLaterMakesItsEndpointUsable() async throws {
        let contexts = TLSContextCache()
        let running = try await RunningEngine.start(Self.configuration(1)) {
            $0.authorities = CABundles(contexts: contexts)
        }
        func problem() -> String? {
            running.engine.snapshot().endpoints.first { $0.name == "secure" }?.misconfiguration
        }
        #expect(problem() == "ca_file authority.pem does not exist")
        try Data(Certificates.authority.utf8).write(to: running.folder.appending(path: "authority.pem"))
        // The probe loop looks every two seconds; this does the same now.
        CABundles(contexts: contexts).lookForChanges { running.engine.authoritiesBecameUsable() }
        try await eventually { problem() == nil }
        // One that vanishes again takes nothing away.
        try FileManager.default.removeItem(at: running.folder.appending(path: "authority.pem"))
        #expect(!contexts.refresh())
        #expect(problem() == nil)
        await running.stop()
    }
}
