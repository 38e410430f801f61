internal import Configuration
internal import Proxy
internal import Ranking

/// Turns an endpoint's settings into what the data path works with, or says why that cannot be done.
struct UpstreamAssembly {
    let environment: [String: String]
    let timeouts: TimeoutSettings

    enum Outcome {
        case ready(Upstream)
        case misconfigured(String)
    }

    /// Connections belong to URL objects: one of `previous` is used again where its URL stayed the same.
    func assemble(id: EndpointID, settings: EndpointSettings, previous: Upstream?) -> Outcome {
        do {
            let anyURL = try url(settings.url, settings.url == nil ? nil : previous?.anyURL)
            let anthropicURL = try url(settings.urlAnthropic, previous?.anthropicURL)
            let openAIURL = try url(settings.urlOpenAI, previous?.openAIURL)
            guard anyURL != nil || anthropicURL != nil || openAIURL != nil else {
                return .misconfigured("no URL")
            }
            var headers: [(name: String, value: String)] = []
            for header in settings.headers {
                headers.append((header.name, try expanded(header.value)))
            }
            return .ready(
                try Upstream(
                    id: id, name: settings.name, anyURL: anyURL, anthropicURL: anthropicURL, openAIURL: openAIURL,
                    credential: try credential(of: settings), headers: headers, timeouts: upstreamTimeouts))
        } catch let problem as AssemblyProblem {
            return .misconfigured(problem.text)
        } catch let problem as UpstreamURL.ParseError {
            return .misconfigured(problem.description)
        } catch let problem as UpstreamError {
            return .misconfigured(Self.text(of: problem))
        } catch {
            return .misconfigured("\(error)")
        }
    }

    private struct AssemblyProblem: Error {
        let text: String
    }

    private func url(_ text: String?, _ previous: UpstreamURL?) throws -> UpstreamURL? {
        guard let text, !text.isEmpty else {
            return nil
        }
        let parsed = try UpstreamURL(try expanded(text))
        if let previous, previous.isSameTarget(as: parsed) {
            return previous
        }
        return parsed
    }

    private func credential(of settings: EndpointSettings) throws -> UpstreamCredential {
        switch settings.authType {
        case .none: return .none
        case .passthrough: return .passthrough
        case .apiKey: return .apiKey(try secret(of: settings))
        case .authToken: return .bearer(try secret(of: settings))
        }
    }

    private func secret(of settings: EndpointSettings) throws -> String {
        guard let value = settings.authValue, !value.isEmpty else {
            throw AssemblyProblem(text: "auth_type \(settings.authType.rawValue) needs an auth_value")
        }
        return try expanded(value)
    }

    private func expanded(_ text: String) throws -> String {
        do throws(MissingVariables) {
            return try SecretExpansion.expand(text, environment: environment)
        } catch {
            throw AssemblyProblem(text: error.description)
        }
    }

    private var upstreamTimeouts: UpstreamTimeouts {
        var result = UpstreamTimeouts()
        result.connect = timeouts.connect
        result.tlsHandshake = timeouts.tlsHandshake
        result.responseHeader = timeouts.responseHeader
        result.streamIdle = timeouts.streamIdle
        result.idleConnection = timeouts.idleConnection
        return result
    }

    private static func text(of problem: UpstreamError) -> String {
        switch problem {
        case .invalidHeaderName(let name): "'\(name)' is not a header name"
        case .invalidHeaderValue(let name): "the value of header \(name) holds characters that no header may hold"
        case .reservedHeader(let name): "header \(name) is the proxy's own business"
        case .invalidCredential: "auth_value is empty or holds characters that no header may hold"
        }
    }
}

extension UpstreamURL {
    fileprivate func isSameTarget(as other: UpstreamURL) -> Bool {
        usesTLS == other.usesTLS && host == other.host && port == other.port && authority == other.authority
            && basePath == other.basePath && baseQuery == other.baseQuery
    }
}
