/// A test authority and two certificates it signed, valid for a hundred years; the keys guard nothing.
enum Certificates {
    static let authority = """
        -----BEGIN CERTIFICATE-----
        MIIBlzCCAT2gAwIBAgIUXeqIoqBUq8oXP0IwZTCGplLcpcEwCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVUG9kaXVtIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzIwNTA0
        NFoYDzIxMjYxMDMwMjA1MDQ0WjAgMR4wHAYDVQQDDBVQb2RpdW0gdGVzdCBhdXRo
        b3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR0+Kv24p57Lf3bg9oQThoF
        4IOpoeWmbsu2WXNnVrUNdyO810jFp64IyjZ2BjD7wNNlfD192eYmuBXXAe5NecrK
        o1MwUTAdBgNVHQ4EFgQU9b7faW+bhEx0Qr4rmG3TfzK2jIYwHwYDVR0jBBgwFoAU
        9b7faW+bhEx0Qr4rmG3TfzK2jIYwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD
        AgNIADBFAiEA6i+Hvq4Bi71MJQYrgHiELemNEITDEwWj0E6skIVJFEQCIEMZX6od
        CBmozfH7bKNZf3IsxCkDUYjfsZOUM3KRjv+O
        -----END CERTIFICATE-----
        """
    static let localhost = """
        -----BEGIN CERTIFICATE-----
        MIIBkDCCATegAwIBAgIUPyNg5jNseUe5/aWgzFy0qmiDavwwCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVUG9kaXVtIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzIwNTA0
        NVoYDzIxMjYxMDMwMjA1MDQ1WjAPMQ0wCwYDVQQDDARnb29kMFkwEwYHKoZIzj0C
        AQYIKoZIzj0DAQcDQgAEoDvQrgFb7z/INL05gJ/riXqHNpUnG1dVgP7MrvNSoNro
        tYlmqUNW8z1DTtzu9+nqTOLXVcQ4zBcbgQ0WqMliGaNeMFwwGgYDVR0RBBMwEYIJ
        bG9jYWxob3N0hwR/AAABMB0GA1UdDgQWBBQBHfTbb8gTkxk4K/zTnkiBbBWShDAf
        BgNVHSMEGDAWgBT1vt9pb5uETHRCviuYbdN/MraMhjAKBggqhkjOPQQDAgNHADBE
        AiA3mVPTSttWESTfvEBNpzbPOOLZ8weN8BOMF9U691JMPQIgSR3B/SjTZEtXEFRu
        V7cnnsQBdh8l0yWXHO943BT4FSQ=
        -----END CERTIFICATE-----
        """
    static let localhostKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMV0CE4gHMQgf0MXi
        dUDiLfLBUPdAsrr3JtgdFb+jVRuhRANCAASgO9CuAVvvP8g0vTmAn+uJeoc2lScb
        V1WA/syu81Kg2ui1iWapQ1bzPUNO3O736epM4tdVxDjMFxuBDRaoyWIZ
        -----END PRIVATE KEY-----
        """
    static let otherName = """
        -----BEGIN CERTIFICATE-----
        MIIBkTCCATagAwIBAgIUPyNg5jNseUe5/aWgzFy0qmiDav0wCgYIKoZIzj0EAwIw
        IDEeMBwGA1UEAwwVUG9kaXVtIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMzIwNTA0
        NVoYDzIxMjYxMDMwMjA1MDQ1WjAQMQ4wDAYDVQQDDAVvdGhlcjBZMBMGByqGSM49
        AgEGCCqGSM49AwEHA0IABK9CczYsr4nwJ6LXNcpWi0xtmx4jauphPyU3AOui1vk9
        iT4RFCSX1elC8cN7oW3JMs2t+O4hJTNgpio21PKc2KmjXDBaMBgGA1UdEQQRMA+C
        DW90aGVyLmV4YW1wbGUwHQYDVR0OBBYEFGEQ4yBBy2OlTty/yEiThXhgUYKYMB8G
        A1UdIwQYMBaAFPW+32lvm4RMdEK+K5ht038ytoyGMAoGCCqGSM49BAMCA0kAMEYC
        IQC2TAC1kW/yzmGWEXVozQn8pl3FyKUuKIn3naOgZWOKgwIhAONd2N68gE7v5RFX
        cobbwu3aL/RzOKQQ2Vne981OzR4d
        -----END CERTIFICATE-----
        """
    static let otherNameKey = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPrrPo/qUccx1yGjB
        leZBUpzrxJHs8XYFlnbUCbXAZOyhRANCAASvQnM2LK+J8Cei1zXKVotMbZseI2rq
        YT8lNwDrotb5PYk+ERQkl9XpQvHDe6FtyTLNrfjuISUzYKYqNtTynNip
        -----END PRIVATE KEY-----
        """
}
