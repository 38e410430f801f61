import Foundation
import NIOCore
import NIOSSL
import TestSupport

/// Scripted upstreams behind TLS.
enum SecureUpstream {
    static func start(
        _ certificate: String = Certificates.localhost, key: String = Certificates.localhostKey,
        script: @escaping ScriptedUpstream.Script = { request in
            [.send(Wire.ok("\(request.connection).\(request.index)"))]
        }, configure: (inout TLSConfiguration) -> Void = { _ in }
    ) async throws -> ScriptedUpstream {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem))],
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)))
        configure(&configuration)
        let context = try NIOSSLContext(configuration: configuration)
        return try await ScriptedUpstream.start(
            decorate: { channel in
                try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
            }, script: script)
    }

    /// A file with the test authority's certificate.
    static func authorityFile(_ certificate: String = Certificates.authority) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("authority-\(UUID().uuidString).pem")
        try certificate.write(to: path, atomically: true, encoding: .utf8)
        return path.path
    }
}
