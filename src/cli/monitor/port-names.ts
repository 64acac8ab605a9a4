/**
 * Names of ports that the dissection of `cilium-dbg monitor -vv` shows, from the IANA registry of service names: all
 * below 1024, those from 32768 on (where clients' ports are), and of the others those that clusters use.
 */

/** Names that TCP and UDP share. */
const COMMON = `
  1:tcpmux 2:compressnet 3:compressnet 5:rje 7:echo 9:discard 11:systat 13:daytime 17:qotd 18:msp 19:chargen
  20:ftp-data 21:ftp 22:ssh 23:telnet 25:smtp 27:nsw-fe 29:msg-icp 31:msg-auth 33:dsp 37:time 38:rap 39:rlp
  41:graphics 42:name 43:nicname 44:mpm-flags 45:mpm 46:mpm-snd 48:auditd 49:tacacs 50:re-mail-ck
  52:xns-time 53:domain 54:xns-ch 55:isi-gl 56:xns-auth 58:xns-mail 62:acas 63:whoispp 64:covia 65:tacacs-ds
  66:sql-net 67:bootps 68:bootpc 69:tftp 70:gopher 71:netrjs-1 72:netrjs-2 73:netrjs-3 74:netrjs-4 76:deos
  78:vettcp 79:finger 80:http 82:xfer 83:mit-ml-dev 84:ctf 85:mit-ml-dev 86:mfcobol 88:kerberos 89:su-mit-tg
  90:dnsix 91:mit-dov 92:npp 93:dcp 94:objcall 95:supdup 96:dixie 97:swift-rvf 98:tacnews 99:metagram
  101:hostname 102:iso-tsap 103:gppitnp 104:acr-nema 105:cso 106:3com-tsmux 107:rtelnet 108:snagas 109:pop2
  110:pop3 111:sunrpc 112:mcidas 115:sftp 116:ansanotify 117:uucp-path 118:sqlserv 119:nntp 120:cfdptkt
  121:erpc 122:smakynet 123:ntp 124:ansatrader 125:locus-map 126:nxedit 127:locus-con 128:gss-xlicen
  129:pwdgen 130:cisco-fna 131:cisco-tna 132:cisco-sys 133:statsrv 134:ingres-net 135:epmap 136:profile
  137:netbios-ns 138:netbios-dgm 139:netbios-ssn 140:emfis-data 141:emfis-cntl 142:bl-idm 143:imap 144:uma
  145:uaac 146:iso-tp0 147:iso-ip 148:jargon 149:aed-512 150:sql-net 151:hems 152:bftp 153:sgmp
  154:netsc-prod 155:netsc-dev 156:sqlsrv 157:knet-cmp 158:pcmail-srv 159:nss-routing 160:sgmp-traps
  161:snmp 162:snmptrap 163:cmip-man 164:cmip-agent 165:xns-courier 166:s-net 167:namp 168:rsvd 169:send
  170:print-srv 171:multiplex 172:cl-1 173:xyplex-mux 174:mailq 175:vmnet 176:genrad-mux 177:xdmcp
  178:nextstep 179:bgp 180:ris 181:unify 182:audit 183:ocbinder 184:ocserver 185:remote-kis 186:kis 187:aci
  188:mumps 189:qft 190:gacp 191:prospero 192:osu-nms 193:srmp 194:irc 195:dn6-nlm-aud 196:dn6-smm-red
  197:dls 198:dls-mon 199:smux 200:src 201:at-rtmp 202:at-nbp 203:at-3 204:at-echo 205:at-5 206:at-zis
  207:at-7 208:at-8 209:qmtp 210:z39-50 211:914c-g 212:anet 213:ipx 214:vmpwscs 215:softpc 216:CAIlic
  217:dbase 218:mpp 219:uarps 220:imap3 221:fln-spx 222:rsh-spx 223:cdc 224:masqdialer 242:direct
  243:sur-meas 244:inbusiness 245:link 246:dsp3270 247:subntbcst-tftp 248:bhfhs 256:rap 257:set 259:esro-gen
  260:openport 261:nsiiops 262:arcisdms 263:hdap 264:bgmp 265:x-bone-ctl 266:sst 267:td-service
  268:td-replica 269:manet 280:http-mgmt 281:personal-link 282:cableport-ax 283:rescap 284:corerjd 286:fxp
  287:k-block 308:novastorbakcup 309:entrusttime 310:bhmds 311:asip-webadmin 312:vslmp 313:magenta-logic
  314:opalis-robot 315:dpsi 316:decauth 317:zannet 318:pkix-timestamp 319:ptp-event 320:ptp-general 321:pip
  322:rtsps 333:texar 344:pdap 345:pawserv 346:zserv 347:fatserv 348:csi-sgwp 349:mftp 350:matip-type-a
  351:matip-type-b 352:dtag-ste-sb 353:ndsauth 354:bh611 355:datex-asn 356:cloanto-net-1 357:bhevent
  358:shrinkwrap 359:nsrmp 360:scoi2odialog 361:semantix 362:srssend 363:rsvp-tunnel 364:aurora-cmgr 365:dtk
  366:odmr 367:mortgageware 368:qbikgdp 369:rpc2portmap 370:codaauth2 371:clearcase 372:ulistproc
  373:legent-1 374:legent-2 375:hassle 376:nip 377:tnETOS 378:dsETOS 379:is99c 380:is99s 381:hp-collector
  382:hp-managed-node 383:hp-alarm-mgr 384:arns 385:ibm-app 386:asa 387:aurp 388:unidata-ldm 389:ldap
  390:uis 391:synotics-relay 392:synotics-broker 393:meta5 394:embl-ndt 395:netcp 396:netware-ip 397:mptn
  398:kryptolan 399:iso-tsap-c2 400:osb-sd 401:ups 402:genie 403:decap 404:nced 405:ncld 406:imsp
  407:timbuktu 408:prm-sm 409:prm-nm 410:decladebug 411:rmt 412:synoptics-trap 413:smsp 414:infoseek
  415:bnet 416:silverplatter 417:onmux 418:hyper-g 419:ariel1 420:smpte 421:ariel2 422:ariel3
  423:opc-job-start 424:opc-job-track 425:icad-el 426:smartsdp 427:svrloc 428:ocs-cmu 429:ocs-amu 430:utmpsd
  431:utmpcd 432:iasd 433:nnsp 434:mobileip-agent 435:mobilip-mn 436:dna-cml 437:comscm 438:dsfgw 439:dasp
  440:sgcp 441:decvms-sysmgt 442:cvc-hostd 443:https 444:snpp 445:microsoft-ds 446:ddm-rdb 447:ddm-dfm
  448:ddm-ssl 449:as-servermap 450:tserver 451:sfs-smp-net 452:sfs-config 453:creativeserver
  454:contentserver 455:creativepartnr 457:scohelp 458:appleqtc 459:ampr-rcmd 460:skronk 461:datasurfsrv
  462:datasurfsrvsec 463:alpes 464:kpasswd 466:digital-vrc 467:mylex-mapd 468:photuris 469:rcp 470:scx-proxy
  471:mondex 472:ljk-login 473:hybrid-pop 475:tcpnethaspsrv 476:tn-tl-fd1 477:ss7ns 478:spsc 479:iafserver
  480:iafdbase 481:ph 482:bgs-nsi 483:ulpnet 484:integra-sme 485:powerburst 486:avian 487:saft 488:gss-http
  489:nest-protocol 490:micom-pfs 491:go-login 492:ticf-1 493:ticf-2 494:pov-ray 495:intecourier
  496:pim-rp-disc 497:retrospect 498:siam 499:iso-ill 500:isakmp 501:stmf 502:mbap 503:intrinsa 504:citadel
  505:mailbox-lm 506:ohimsrv 507:crs 508:xvttp 509:snare 510:fcp 511:passgo 515:printer 516:videotex
  517:talk 518:ntalk 519:utime 521:ripng 522:ulp 523:ibm-db2 524:ncp 525:timed 526:tempo 527:stx 528:custix
  529:irc-serv 530:courier 531:conference 532:netnews 533:netwall 534:windream 535:iiop 536:opalis-rdv
  537:nmsp 538:gdomap 539:apertus-ldp 540:uucp 541:uucp-rlogin 542:commerce 543:klogin 544:kshell
  545:appleqtcsrvr 546:dhcpv6-client 547:dhcpv6-server 548:afpovertcp 549:idfp 550:new-rwho 551:cybercash
  552:devshr-nts 553:pirp 554:rtsp 555:dsf 556:remotefs 557:openvms-sysipc 558:sdnskmp 559:teedtap
  560:rmonitor 561:monitor 562:chshell 563:nntps 564:9pfs 565:whoami 566:streettalk 567:banyan-rpc
  568:ms-shuttle 569:ms-rome 570:meter 571:meter 572:sonar 573:banyan-vip 574:ftp-agent 575:vemmi 576:ipcd
  577:vnas 578:ipdd 579:decbsrv 580:sntp-heartbeat 581:bdp 582:scc-security 583:philips-vc 584:keyserver
  586:password-chg 587:submission 588:cal 589:eyelink 590:tns-cml 591:http-alt 592:eudora-set
  593:http-rpc-epmap 594:tpip 595:cab-protocol 596:smsd 597:ptcnameservice 598:sco-websrvrmg3 599:acp
  600:ipcserver 601:syslog-conn 602:xmlrpc-beep 603:idxp 604:tunnel 605:soap-beep 606:urm 607:nqs
  608:sift-uft 609:npmp-trap 610:npmp-local 611:npmp-gui 612:hmmp-ind 613:hmmp-op 614:sshell 615:sco-inetmgr
  616:sco-sysmgr 617:sco-dtmgr 618:dei-icda 619:compaq-evm 620:sco-websrvrmgr 621:escp-ip 622:collaborator
  624:cryptoadmin 625:dec-dlm 626:asia 627:passgo-tivoli 628:qmqp 629:3com-amp3 630:rda 631:ipp 632:bmpp
  633:servstat 634:ginad 635:rlzdbase 636:ldaps 637:lanserver 638:mcns-sec 639:msdp 640:entrust-sps
  641:repcmd 642:esro-emsdp 643:sanity 644:dwr 645:pssc 646:ldp 647:dhcp-failover 648:rrp 649:cadview-3d
  650:obex 651:ieee-mms 652:hello-port 653:repscmd 654:aodv 655:tinc 656:spmp 657:rmc 658:tenfold
  660:mac-srvr-admin 661:hap 662:pftp 663:purenoise 665:sun-dr 666:mdqs 667:disclose 668:mecomm
  669:meregister 670:vacdsm-sws 671:vacdsm-app 672:vpps-qua 673:cimplex 674:acap 675:dctp 676:vpps-via
  677:vpp 678:ggf-ncp 679:mrm 680:entrust-aaas 681:entrust-aams 682:xfr 683:corba-iiop 684:corba-iiop-ssl
  685:mdc-portmapper 686:hcp-wismar 687:asipregistry 688:realm-rusd 689:nmap 690:vatp 691:msexch-routing
  692:hyperwave-isp 693:connendp 694:ha-cluster 695:ieee-mms-ssl 696:rushd 697:uuidgen 698:olsr
  699:accessnetwork 700:epp 701:lmp 702:iris-beep 704:elcsd 705:agentx 706:silc 707:borland-dsj
  709:entrust-kmsh 710:entrust-ash 711:cisco-tdp 712:tbrpf 713:iris-xpc 714:iris-xpcs 715:iris-lwz
  729:netviewdm1 730:netviewdm2 731:netviewdm3 741:netgw 742:netrcs 744:flexlm 747:fujitsu-dev 748:ris-cm
  749:kerberos-adm 751:pump 752:qrh 753:rrh 754:tell 758:nlogin 759:con 760:ns 761:rxe 762:quotad
  763:cycleserv 764:omserv 765:webster 767:phonebook 769:vid 770:cadlock 771:rtip 772:cycleserv2 776:wpages
  777:multiling-http 780:wpgs 800:mdbs-daemon 801:device 802:mbap-s 810:fcp-udp 828:itm-mcell-s
  829:pkix-3-ca-ra 830:netconf-ssh 831:netconf-beep 832:netconfsoaphttp 833:netconfsoapbeep
  847:dhcp-failover2 848:gdoi 853:domain-s 854:dlep 860:iscsi 861:owamp-control 862:twamp-control 873:rsync
  886:iclcnet-locate 887:iclcnet-svinfo 888:accessbuilder 900:omginitialrefs 901:smpnameres
  902:ideafarm-door 903:ideafarm-panic 910:kink 911:xact-backup 912:apex-mesh 913:apex-edge 989:ftps-data
  990:ftps 991:nas 992:telnets 993:imaps 995:pop3s 996:vsinet 997:maitrd 1000:cadlock2 1010:surf 1021:exp1
  1022:exp2 1080:socks 1111:lmsocialserver 1194:openvpn 1234:search-agent 1433:ms-sql-s 1521:ncube-lm
  1701:l2f 1720:h323hostcall 1723:pptp 1812:radius 1813:radius-acct 1883:mqtt 1900:ssdp 2049:shilp
  2181:eforward 2222:EtherNet-IP-1 2947:gpsd 3000:hbci 3128:ndl-aas 3260:iscsi-target 3306:mysql
  3333:dec-notes 3389:ms-wbt-server 3478:stun 3702:ws-discovery 4000:terabase 4321:rwhois 4369:epmd
  4443:pharos 4500:ipsec-nat-t 5000:commplex-main 5060:sip 5061:sips 5201:targus-getdata1 5349:stuns
  5353:mdns 5355:llmnr 5432:postgresql 5555:personal-agent 5601:esmagent 5671:amqps 5672:amqp 5900:rfb
  6443:sun-sr-https 7000:afs3-fileserver 7001:afs3-callback 7777:cbt 8000:irdmi 8001:vcom-tunnel
  8008:http-alt 8080:http-alt 8081:sunproxyadmin 8086:d-s-n 8088:radan-http 8200:trivnet1 8300:tmi
  8443:pcsync-https 8472:otv 8500:fmtp 8600:asterix 8883:secure-mqtt 9000:cslistener 9090:websm
  9091:xmltec-xmlmail 9092:XmlIpcRegSvc 9100:hp-pdl-datastr 9200:wap-wsp 9300:vrace 9418:git
  9443:tungsten-https 9999:distinct 10000:ndmp 10050:zabbix-agent 10051:zabbix-trapper 11211:memcache
  12345:italk 20000:dnp 32768:filenet-tms 32769:filenet-rpc 32770:filenet-nch 32771:filenet-rmi
  32772:filenet-pa 32773:filenet-cm 32774:filenet-re 32775:filenet-pch 32776:filenet-peior
  32777:filenet-obrok 32801:mlsn 32896:idmgratm 33123:aurora-balaena 33331:diamondport 33434:traceroute
  33656:snip-slave 34249:turbonote-2 34378:p-net-local 34379:p-net-remote 34962:profinet-rt
  34963:profinet-rtm 34964:profinet-cm 34980:ethercat 35001:rt-viewer 35004:rt-classmanager 35100:axio-disc
  36001:allpeers 36865:kastenxpipe 37475:neckar 37654:unisys-eportal 38201:galaxy7-data 38202:fairview
  38203:agpolicy 39681:turbonote-1 40000:safetynetp 40841:cscp 40842:csccredir 40843:csccfirewall
  41111:fs-qos 41230:z-wave-s 41794:crestron-cip 41795:crestron-ctp 42508:candp 42509:candrp 42510:caerpc
  43188:reachout 43189:ndm-agent-port 43190:ip-provision 43441:ciscocsdb 44321:pmcd 44322:pmcdproxy
  44553:rbr-debug 44818:EtherNet-IP-2 45054:invision-ag 45678:eba 45825:qdb2service 45966:ssr-servermgr
  46999:mediabox 47000:mbus 47557:dbbrowse 47624:directplaysrvr 47806:ap 47808:bacnet 48000:nimcontroller
  48001:nimspooler 48002:nimhub 48003:nimgtw 48128:isnetserv 48129:blp5 48556:com-bardac-dw 48619:iqobject
  48653:robotraconteur
`;

const TCP_ONLY = `
  113:ident 271:pt-tls 323:rpki-rtr 324:rpki-rtr-tls 456:macon-tcp 465:urd 474:tn-tl-w1 512:exec 513:login
  514:shell 520:efs 623:oob-ws-http 664:oob-ws-https 750:rfile 773:submit 774:rpasswd 775:entomb 953:rndc
  998:busboy 999:garcon 1001:webpush 2375:docker 2376:docker-s 2377:swarm 2379:etcd-client 2380:etcd-server
  5222:xmpp-client 6379:redis 8090:opsmessaging 8181:intermapper 8888:ddi-tcp-1 9093:copycat 26257:cockroach
  30000:ndmps 32811:retp 33060:mysqlx 33333:dgi-serv 33334:speedtrace 34567:dhanalakshmi 35000:heathview
  35002:rt-sound 35003:rt-devicemapper 35005:rt-labtracker 35006:rt-helper 35354:kitim 35355:altova-lm
  35356:guttersnex 35357:openstack-id 36524:febooti-aw 36602:observium-agent 36700:mapx 37483:gdrive-sync
  37601:eftp 38000:ivs-database 38001:ivs-insertion 38002:cresco-control 38800:sruth 38865:secrmmsafecopya
  40404:sptx 41121:tentacle 41796:crestron-cips 41797:crestron-ctps 43000:recvr-rc 43191:noit-transport
  43210:shaperai 43439:eq3-update 43440:ew-mgmt 44123:z-wave-tunnel 44323:pmwebapi 44444:cognex-dataman
  44900:m3da 45000:asmp 45001:asmps 45002:rs-status 45045:synctest 45514:cloudcheck 45824:dai-shell
  46336:inedo 46998:spremotetablet 47001:winrm 48004:nimbusdb 48005:nimbusdbctrl 48049:3gpp-cbsp
  48050:weandsf 49000:matahari 49001:nusrp
`;

const UDP_ONLY = `
  113:auth 270:gist 456:macon-udp 465:igmpv3lite 474:tn-tl-w2 512:comsat 513:who 514:syslog 520:router
  623:asf-rmcp 664:asf-secure-rmcp 716:pana 750:loadav 773:notify 774:acmaint-dbd 775:acmaint-transd
  998:puparp 999:applix 4789:vxlan 5683:coap 6081:geneve 8888:ddi-udp-1 33334:speedtrace-disc
  34567:edi_service 35355:altova-lm-disc 36411:wlcp 38002:crescoctrl-disc 40023:k-patentssensor
  40853:ortec-disc 43000:recvr-rc-disc 43210:shaperai-disc 43439:eq3-config 43440:ew-disc-cmd 44544:domiq
  44600:asihpi 44900:m3da-disc 45000:asmp-mon 45514:cloudcheck-ping 47100:jvl-mactalk 47809:presonus-ucnet
  49001:nusdp-disc
`;

const SCTP = `
  9:discard 20:ftp-data 21:ftp 22:ssh 80:http 179:bgp 443:https 1021:exp1 1022:exp2 1167:cisco-ipsla
  1720:h323hostcall 2049:nfs 2225:rcip-itu 2904:m2ua 2905:m3ua 2944:megaco-h248 2945:h248-binary
  3097:itu-bicc-stc 3565:m2pa 3863:asap-sctp 3864:asap-sctp-tls 3868:diameter 4333:ahsp 4502:a25-fap-fgw
  4711:trinity-dist 4739:ipfix 4740:ipfixs 5060:sip 5061:sips 5090:car 5091:cxtp 5215:noteza 5445:smbdirect
  5672:amqp 5675:v5ua 5868:diameters 5910:cm 5911:cpdlc 5912:fis 5913:ads-c 6704:frc-hp 6705:frc-mp
  6706:frc-lp 6970:conductor-mpx 7626:simco 7701:nfapi 7728:osvr 8471:pim-port 9082:lcs-ap 9084:aurora
  9900:iua 9901:enrp-sctp 9902:enrp-sctp-tls 11997:wmereceiving 11998:wmedistribution 11999:wmereporting
  14001:sua 20049:nfsrdma 25471:rna 29118:sgsap 29168:sbcap 29169:iuhsctpassoc 30100:rwp 36412:s1-control
  36422:x2-control 36423:slmap 36424:nq-ap 36443:m2ap 36444:m3ap 36462:xw-control 38412:ng-control
  38422:xn-control 38472:f1-control
`;

function table(...texts: readonly string[]): ReadonlyMap<number, string> {
  const pairs = texts.flatMap((text) => text.trim().split(/\s+/));
  return new Map(
    pairs.map((pair) => {
      const colon = pair.indexOf(':');
      return [Number(pair.slice(0, colon)), pair.slice(colon + 1)];
    }),
  );
}

const NAMES = { TCP: table(COMMON, TCP_ONLY), UDP: table(COMMON, UDP_ONLY), SCTP: table(SCTP) };

type Transport = keyof typeof NAMES;

/** Name of a port, or null. */
export function portName(protocol: Transport, port: number): string | null {
  return NAMES[protocol].get(port) ?? null;
}

/** `80(http)`, or the number alone. */
export function portText(protocol: Transport, port: number): string {
  const name = portName(protocol, port);
  return name === null ? String(port) : `${port}(${name})`;
}
