internal import Configuration
internal import Conversion
internal import LLMWire
internal import Limits
internal import PodiumModel
internal import Proxy
internal import Ranking

// From an endpoint's settings to what the data path works with. Whatever the settings refer to outside of themselves is looked up on the
// way: variables of the environment and files of authorities, the latter only as `CABundles` has read them before,
// because an upstream is assembled under the engine's lock, where nothing may wait for a disk.

/// Turns an endpoint's settings into what the data path works with, or says why that cannot be done.
struct UpstreamAssembly {
    let context: ConfigurationContext
    let timeouts: TimeoutSettings
    var failover = FailoverSettings()
    var endpointTimeouts: [String: EndpointTimeouts] = [:]
    var tagging = ModelTagging()
    /// Whether clients are told which endpoint has answered.
    var namesEndpoints = false

    enum Outcome {
        case ready(Upstream)
        case misconfigured(String)
    }

    /// Connections belong to URL objects: one of `previous` is used again where its URL, and the way there, stayed the
    /// same.
    func assemble(
        id: EndpointID, settings: EndpointSettings, previous: Upstream?, load: EndpointLoad = .init()
    ) -> Outcome {
        do {
            let ready = try settings.expanded(environment: context.environment)
            let heedsEnvironment = ready.proxy == .environment
            let proxy = heedsEnvironment ? nil : try ready.proxy.map { try UpstreamProxy($0) }
            let tls = ready.tlsOptions(context)
            if let file = tls.caFile, let problem = context.authorityProblem(file) {
                throw ValueProblem("ca_file \(ready.caFile ?? file) \(problem)")
            }
            let isSameWay = previous?.proxy == proxy && previous?.tls == tls
            let kept = isSameWay ? previous : nil
            return .ready(
                try Upstream(
                    id: id, name: ready.name, anyURL: try url(ready.anyBase, kept?.anyURL, heedsEnvironment),
                    anthropicURL: try url(ready.anthropicBase, kept?.anthropicURL, heedsEnvironment),
                    openAIURL: try url(ready.openAIBase, kept?.openAIURL, heedsEnvironment),
                    credential: credential(of: ready),
                    headers: ready.headers.map { ($0.name, $0.value) },
                    lacks: ready.speaks == .chatCompletions ? .responses : ready.openAIPreference.lackedAPI,
                    timeouts: upstreamTimeouts(ready.name), tls: tls, proxy: proxy,
                    passesCookies: ready.cookies == .pass, namesClients: ready.forwarded,
                    isNamed: namesEndpoints, secrets: secrets(of: settings),
                    rules: failover.rules(for: settings.name),
                    maxInFlight: ready.maxInFlight, tags: ready.tags, conditions: try conditions(of: ready),
                    modelRules: ModelRules(
                        models: ready.models.isEmpty ? tagging.models(forTags: ready.tags) : ready.models,
                        map: ready.modelMap.map { ($0.from, $0.to) },
                        restores: ready.restoresModel),
                    conversion: conversion(of: ready), load: load))
        } catch let problem as ValueProblem {
            return .misconfigured(problem.message)
        } catch let problem as LimitsProblem {
            return .misconfigured(problem.message)
        } catch let problem as UpstreamURL.ParseError {
            return .misconfigured(problem.description)
        } catch let problem as UpstreamError {
            return .misconfigured(Self.text(of: problem))
        } catch is UpstreamProxy.ValidationError {
            return .misconfigured("the proxy's username or password is missing, too long or cannot be sent")
        } catch {
            return .misconfigured("\(error)")
        }
    }

    private func conversion(of settings: EndpointSettings) -> UpstreamConversion? {
        guard settings.converts else { return nil }
        var options = ConversionOptions()
        options.maxTokensField = settings.maxTokensField
        options.unknownFields = settings.unknownFields == .drop ? .drop : .refuse
        options.overrides = settings.parameterOverrides.map { .init(name: $0.from, value: $0.to) }
        return UpstreamConversion(options: options)
    }

    private func conditions(of settings: EndpointSettings) throws -> EndpointConditions? {
        let active = try settings.active.map { text throws(LimitsProblem) in try ActiveHours(text) }
        return EndpointConditions(
            limits: try context.limits(settings.limits), active: active,
            activeZone: try active.map { try context.zone($0.zone) } ?? .utc)
    }

    private func url(_ text: String?, _ previous: UpstreamURL?, _ heedsEnvironment: Bool) throws -> UpstreamURL? {
        guard let text else {
            return nil
        }
        let direct = try UpstreamURL(text)
        let way = heedsEnvironment ? try environmentProxy(for: direct) : nil
        let parsed = way == nil ? direct : try UpstreamURL(text, proxy: way)
        if let previous, previous.isSameTarget(as: parsed) {
            return previous
        }
        return parsed
    }

    /// The values of the references `${NAME}` in URLs and headers. An operator who keeps a value out of the file does not want it in
    /// logs and answers either.
    private func secrets(of settings: EndpointSettings) -> [String] {
        let texts = settings.referenceTexts.filter { $0.field.kind == .url || $0.field.kind == .headers }
        return texts.flatMap { SecretExpansion.references(in: $0.text) }.compactMap { name in
            try? SecretExpansion.expand("${\(name)}", environment: context.environment)
        }
    }

    private func environmentProxy(for url: UpstreamURL) throws -> UpstreamProxy? {
        try ProxyVariables(context.environment)
            .proxy(usesTLS: url.usesTLS, host: url.host, port: url.port).map { try UpstreamProxy($0) }
    }

    private func credential(of settings: EndpointSettings) -> UpstreamCredential {
        switch settings.authType {
        case .none: .none
        case .passthrough: .passthrough
        case .apiKey: .apiKey(settings.authValue ?? "")
        case .authToken: .bearer(settings.authValue ?? "")
        }
    }

    private func upstreamTimeouts(_ name: String) -> UpstreamTimeouts {
        let timeouts = endpointTimeouts[name]?.applied(to: timeouts) ?? timeouts
        var result = UpstreamTimeouts()
        result.connect = timeouts.connect
        result.tlsHandshake = timeouts.tlsHandshake
        result.responseHeader = timeouts.responseHeader
        result.response = timeouts.response
        result.streamIdle = timeouts.streamIdle
        result.idleConnection = timeouts.idleConnection
        result.probe = timeouts.healthCheckTimeout
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

extension EndpointSettings {
    /// How TLS is spoken with the endpoint, whose references have been expanded.
    func tlsOptions(_ context: ConfigurationContext) -> UpstreamTLSOptions {
        UpstreamTLSOptions(caFile: caFile.map { context.located($0) })
    }
}

extension UpstreamURL {
    fileprivate func isSameTarget(as other: UpstreamURL) -> Bool {
        usesTLS == other.usesTLS && host == other.host && port == other.port && authority == other.authority
            && basePath == other.basePath && proxy == other.proxy
    }
}

extension UpstreamProxy {
    fileprivate init(_ proxy: OutboundProxy) throws(ValidationError) {
        try self.init(
            kind: proxy.kind == .http ? .http : .socks5, host: proxy.host, port: proxy.port, username: proxy.username,
            password: proxy.password)
    }
}

/// What settings refer to outside the configuration file.
struct ConfigurationContext: Sendable {
    /// What `${NAME}` is looked up in.
    var environment: [String: String] = [:]
    /// Other machines can reach the listener, and the operator has not said that they may without a token.
    var mustAskForTokens = false
    /// What relative paths begin with: empty, or closed by `/`.
    var folder = ""
    /// Standard output is not a console's.
    var standardOutputIsFree = true
    /// Why a CA file cannot be used, nil where it can. Answers from what was read before: it is asked under the engine's lock
    /// and must not read.
    var authorityProblem: @Sendable (_ path: String) -> String? = { _ in nil }
    /// The rules of a time zone, nil being the machine's, from what was read before; throws where there is none of the name.
    var zone: @Sendable (_ name: String?) throws -> ZoneRules = { _ in .utc }

    func located(_ path: String) -> String {
        path.hasPrefix("/") ? path : folder + path
    }

    /// Limits with the rules of the zone that they name.
    ///
    /// - Throws: where they cannot be understood, or the machine has no such zone
    func limits(_ text: String?) throws -> LimitsInForce? {
        guard let text else { return nil }
        let rules = try LimitRules(text)
        return LimitsInForce(rules, zone: try zone(rules.zone))
    }

    /// What `limits` throws, in words.
    static func text(of error: any Error) -> String {
        (error as? ValueProblem)?.message ?? (error as? LimitsProblem)?.message ?? "\(error)"
    }

    /// The text with its `${NAME}` replaced.
    ///
    /// - Throws: `ValueProblem` where a variable is not set.
    func expanded(_ text: String) throws -> String {
        try SecretExpansion.expand(text, environment: environment)
    }
}

extension Engine {
    /// The folder in which relative paths of a configuration file begin: empty for the working directory, else closed
    /// by `/`.
    public static func folder(ofConfiguration path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }
}
